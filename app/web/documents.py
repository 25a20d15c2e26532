"""What GET answers for one record, and its ETag: however many runs it lists, a batch of them is in memory at a time."""

import hashlib
import logging
from collections.abc import Iterator
from contextlib import ExitStack
from tempfile import TemporaryFile
from typing import Any, Protocol

from flask import Response, request
from marshmallow import Schema
from sqlalchemy import Connection, Row
from werkzeug.exceptions import ServiceUnavailable
from werkzeug.wsgi import wrap_file

from app.database import rows
from app.database.record import Record
from app.database.statements import Rows, connect
from app.errors import RETRY_AFTER
from app.schemas.serialiser import Serialiser, serialiser
from app.web.json import encode

logger = logging.getLogger(__name__)

# Bytes of an answer; what is longer goes through a file, and no database connection waits for the client.
IN_MEMORY = 1024 * 1024


class Source(Protocol):
    """Where a record's own row is from, or 404, and those of its lists; a row of a list may have more than is asked."""

    def one(
        self, model: type[Record], names: tuple[str, ...], record_id: int, connection: Connection, /
    ) -> Row[Any]: ...

    def related(
        self, model: type[Record], member: str, names: tuple[str, ...], record_id: int, connection: Connection, /
    ) -> Iterator[Rows]: ...


def answer(model: type[Record], detail: type[Schema], record_id: int, source: Source = rows) -> Response:
    """The record with that id as `detail` says, or 404; 503 if the disk has no room for a long one."""
    try:
        with connect() as connection:
            return _whole(_parts(model, serialiser(detail), record_id, source, connection))
    except OSError as error:
        logger.error("no room for an answer", extra={"error": str(error)})
        raise ServiceUnavailable("The disk is full. Try again in a while.", retry_after=RETRY_AFTER) from None


def _whole(parts: Iterator[bytes | memoryview]) -> Response:
    """A response of `parts`, which may be too long for the memory."""
    digest, length, held = hashlib.sha1(usedforsecurity=False), 0, []
    with ExitStack() as stack:
        file = None
        for part in parts:
            digest.update(part)
            length += len(part)
            held.append(part)
            if length > IN_MEMORY:
                file = file or stack.enter_context(TemporaryFile())
                file.writelines(held)
                held.clear()
        if file:
            file.seek(0)
            stack.pop_all()  # the file is closed with the response
        body = wrap_file(request.environ, file) if file else b"".join(held)
    response = Response(body, mimetype="application/json", direct_passthrough=bool(file))
    response.content_length = length
    response.set_etag(digest.hexdigest())
    return response


def etag(model: type[Record], detail: type[Schema], record_id: int) -> str:
    """The ETag of `answer`, without its quotes."""
    digest = hashlib.sha1(usedforsecurity=False)
    with connect() as connection:
        for part in _parts(model, serialiser(detail), record_id, rows, connection):
            digest.update(part)
    return digest.hexdigest()


def _parts(
    model: type[Record], detail: Serialiser, record_id: int, source: Source, connection: Connection
) -> Iterator[bytes | memoryview]:
    """The JSON of the record: its own fields, then its lists."""
    (own,) = detail.rows([source.one(model, detail.columns, record_id, connection)])
    yield encode(own)[:-1]
    for name, item in detail.lists.items():
        yield b',"%b":[' % name.encode()
        separator = b""
        for batch in source.related(model, name, item.columns, record_id, connection):
            yield separator
            yield memoryview(encode(item.rows(batch)))[1:-1]
            separator = b","
        yield b"]"
    yield b"}"
