"""Lists as files: CSV and newline-delimited JSON, with the filters and the order of the page."""

import csv
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from io import StringIO
from typing import Any

from flask import Response
from sqlalchemy import Connection

from app.dashboard.queries import Listing
from app.dashboard.words import aware
from app.database.columns import wire_time
from app.database.fairness import let_others_run
from app.web import documents
from app.web.json import encode

ROWS_MAX = 100_000
BATCH = 500  # records in memory at a time
FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")  # what a text begins with that a spreadsheet would compute

Records = list[dict[str, Any]]


def download(listing: Listing, form: str) -> Response:
    """The first ROWS_MAX records of the list as a file, in one of the FORMATS."""
    mimetype, write = FORMATS[form]

    def parts(_: Connection | None) -> Iterator[bytes]:
        return write(listing.columns, _batches(listing))

    # Each batch takes a connection and gives it back, so that a long file does not keep one.
    response = documents.of_parts(parts, mimetype, nullcontext)
    name = listing.endpoint.partition(".")[0]
    response.headers["Content-Disposition"] = f'attachment; filename="{name}.{form}"'
    return response


def _batches(listing: Listing) -> Iterator[Records]:
    """Yield the records of the list, a batch at a time."""
    query = listing.values()
    query |= {"columns": listing.file.columns, "count": False, "cursor": None}
    query.pop("fields", None)
    missing = ROWS_MAX
    while missing > 0:
        page = listing.read(**query | {"limit": min(BATCH, missing)})
        yield listing.file.rows(page.rows)
        if page.next is None:
            return
        missing -= len(page.rows)
        query |= {"cursor": page.next, "offset": 0}
        let_others_run()


def _csv(columns: tuple[str, ...], batches: Iterator[Records]) -> Iterator[bytes]:
    yield _lines([list(columns)])
    for records in batches:
        yield _lines([[_cell(_value(record, name)) for name in columns] for record in records])


def _ndjson(_columns: tuple[str, ...], batches: Iterator[Records]) -> Iterator[bytes]:
    for records in batches:
        yield b"".join(encode(record) + b"\n" for record in records)


def _lines(rows: list[list[str]]) -> bytes:
    text = StringIO()
    csv.writer(text).writerows(rows)
    return text.getvalue().encode()


def _value(record: dict[str, Any], name: str) -> Any:
    """The value of a column: `bakery.name` is the name in the object `bakery`; None if there is no object."""
    value: Any = record
    for part in name.split("."):
        value = value and value[part]
    return value


def _cell(value: Any) -> str:
    """The text of a value. An apostrophe before a text that is like a formula keeps spreadsheets from computing it."""
    if value is None:
        return ""
    if isinstance(value, str):
        return f"'{value}" if value.startswith(FORMULA) else value
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return wire_time(aware(value)) if hasattr(value, "tzinfo") else encode(value).decode()


FORMATS: dict[str, tuple[str, Callable[[tuple[str, ...], Iterator[Records]], Iterator[bytes]]]] = {
    "csv": ("text/csv", _csv),
    "ndjson": ("application/x-ndjson", _ndjson),
}
