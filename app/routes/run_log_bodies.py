"""The body of a request that appends to a log: text, or JSON objects, one a line."""

from collections.abc import Callable
from functools import wraps
from typing import Any

import orjson
from flask import request
from marshmallow import ValidationError
from werkzeug.exceptions import UnsupportedMediaType

from app.database.fairness import in_batches
from app.errors import ERRORS_MAX, Invalid
from app.models.run_logs import Entry
from app.schemas.run_logs import LogLineWrite
from app.services import run_logs
from app.web.parser import pointer_token, whole_body

NDJSON = ("application/x-ndjson", "application/ndjson", "application/jsonl")
TEXT = ("text/plain", "")

View = Callable[..., Any]

_schema = LogLineWrite()


def with_entries(view: View) -> View:
    """Give the view the lines of the body."""

    @wraps(view)
    def read(**path: int) -> Any:
        return view(_read(), **path)

    return read


def _read() -> list[Entry]:
    if request.mimetype not in (*NDJSON, *TEXT):
        types = f"{TEXT[0]}, or JSON objects, one a line, with Content-Type: {NDJSON[0]}"
        raise UnsupportedMediaType(f"Send the log with Content-Type: {types}, not {request.mimetype}.")
    body = whole_body(request)
    if request.mimetype in TEXT:
        # A program may write anything into its log. A wrong byte must not lose the rest.
        return run_logs.entries(body.decode("utf-8", errors="replace"))
    lines = [(number, line) for number, line in enumerate(body.split(b"\n"), 1) if line.strip()]
    errors: list[dict[str, str]] = []
    entries = [_entry(number, line, errors) for batch in in_batches(lines) for number, line in batch]
    if errors:
        raise Invalid(errors[:ERRORS_MAX])
    return [entry for entry in entries if entry]


def _entry(number: int, line: bytes, errors: list[dict[str, str]]) -> Entry | None:
    """The entry of a line. What is wrong with it is added to `errors`."""
    found: dict[str, Any]
    try:
        values = _schema.load(orjson.loads(line))
        return Entry(values["message"], values["level"], values.get("timestamp"))
    except orjson.JSONDecodeError as error:
        found = {"": [f"It is not valid JSON: {error}."]}
    except ValidationError as error:
        found = error.messages_dict
    for name, texts in found.items():
        field = f"{name}: " if name and not name.startswith("_") else ""
        pointer = f"/{number}/{pointer_token(name)}" if field else f"/{number}"
        errors += [{"in": "body", "pointer": pointer, "detail": f"line {number}: {field}{text}"} for text in texts]
    return None
