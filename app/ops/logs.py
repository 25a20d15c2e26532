"""The format of log lines: JSON in a deployment, `name=value` at a terminal.

A line has a message and fields: `logger.info("message", extra={...})`. It never has a payload, a query string or a key.
Characters that do not print as themselves are escaped. Otherwise a path or an address of a request could forge a line
or change what a terminal shows.
"""

import json
import re
from typing import Any

import orjson
from pythonjsonlogger.core import BaseJsonFormatter, LogData

FIELDS = "%(levelname)s %(name)s %(message)s"
WORD = re.compile(r"[!#-<>-~]+")
NAMES = {"levelname": "level", "name": "logger"}


class JSONFormatter(BaseJsonFormatter):
    """Each line is a JSON object."""

    def jsonify_log_record(self, log_data: LogData) -> str:
        return escaped(orjson.dumps(log_data, default=str).decode())


class TerminalFormatter(BaseJsonFormatter):
    """Each field is `name=value`, with quotes if the value has more than one word; tracebacks keep their lines."""

    def jsonify_log_record(self, log_data: LogData) -> str:
        time, level, _logger, message = (log_data.pop(name) for name in ("time", "level", "logger", "message"))
        traceback = log_data.pop("exc_info", None)
        fields = "".join(f" {name}={_quoted(value)}" for name, value in log_data.items() if value is not None)
        lines = [f"{time:%H:%M:%S} {level} {message}{fields}", *(traceback.split("\n") if traceback else ())]
        return "\n".join(map(escaped, lines))


def escaped(line: str) -> str:
    """`line` with escapes as in JSON for control characters and those that change the direction of text."""
    if line.isprintable():
        return line
    return "".join(char if char.isprintable() else json.dumps(char)[1:-1] for char in line)


def configuration(deployed: bool) -> dict[str, Any]:
    """The configuration for `logging.config.dictConfig`. All lines, also gunicorn's, go to standard output."""
    formatter = JSONFormatter if deployed else TerminalFormatter
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"line": {"()": formatter, "fmt": FIELDS, "rename_fields": NAMES, "timestamp": "time"}},
        "handlers": {"output": {"class": "logging.StreamHandler", "formatter": "line", "stream": "ext://sys.stdout"}},
        "root": {"level": "INFO", "handlers": ["output"]},
        "loggers": {
            "alembic": {"level": "WARNING"},  # it logs each time that the revision is read
            "gunicorn.error": {"level": "INFO", "handlers": ["output"], "propagate": False},
        },
    }


def _quoted(value: object) -> str:
    text = str(value)
    return text if WORD.fullmatch(text) else orjson.dumps(text).decode()
