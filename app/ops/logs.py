"""How log lines look: JSON where machines read them, `name=value` at a terminal.

A line is a message and fields, `logger.info("message", extra={...})`. Never a payload, a query string or a key.
"""

import re
from typing import Any

import orjson
from pythonjsonlogger.core import BaseJsonFormatter, LogData

FIELDS = "%(levelname)s %(name)s %(message)s"
WORD = re.compile(r"[!#-<>-~]+")
NAMES = {"levelname": "level", "name": "logger"}


class JSONFormatter(BaseJsonFormatter):
    """One JSON object a line."""

    def jsonify_log_record(self, log_data: LogData) -> str:
        return orjson.dumps(log_data, default=str).decode()


class TerminalFormatter(BaseJsonFormatter):
    """The same fields as `name=value`, in quotes where a value has more than one word; tracebacks as they are."""

    def jsonify_log_record(self, log_data: LogData) -> str:
        time, level, _logger, message = (log_data.pop(name) for name in ("time", "level", "logger", "message"))
        traceback = log_data.pop("exc_info", None)
        fields = "".join(f" {name}={_quoted(value)}" for name, value in log_data.items() if value is not None)
        line = f"{time:%H:%M:%S} {level} {message}{fields}"
        return f"{line}\n{traceback}" if traceback else line


def configuration(deployed: bool) -> dict[str, Any]:
    """For `logging.config.dictConfig`: everything goes to standard output, gunicorn's own lines too."""
    formatter = JSONFormatter if deployed else TerminalFormatter
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"line": {"()": formatter, "fmt": FIELDS, "rename_fields": NAMES, "timestamp": "time"}},
        "handlers": {"output": {"class": "logging.StreamHandler", "formatter": "line", "stream": "ext://sys.stdout"}},
        "root": {"level": "INFO", "handlers": ["output"]},
        "loggers": {
            "alembic": {"level": "WARNING"},  # it tells of every look at the revision
            "gunicorn.error": {"level": "INFO", "handlers": ["output"], "propagate": False},
        },
    }


def _quoted(value: object) -> str:
    text = str(value)
    return text if WORD.fullmatch(text) else orjson.dumps(text).decode()
