"""What GET answers for one record or a whole catalogue, and its ETag.

Such an answer may list any number of records. A batch of them is in memory at a time. Only a few long answers are
read from the database at once, so that other requests find a connection.
"""

import errno
import hashlib
import logging
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from functools import cache, partial
from itertools import chain
from tempfile import TemporaryFile
from threading import BoundedSemaphore
from time import monotonic
from typing import Any, Protocol

from flask import Response, current_app, g
from marshmallow import Schema
from sqlalchemy import Connection, Row
from werkzeug.exceptions import ServiceUnavailable
from werkzeug.wsgi import FileWrapper

from app.database import rows
from app.database.fairness import in_batches, let_others_run
from app.database.record import Record
from app.database.statements import Rows, connect
from app.errors import RETRY_AFTER
from app.schemas.serialiser import Serialiser
from app.web.json import encode, json_serialiser

logger = logging.getLogger(__name__)

# Bytes of an answer. A longer one goes through a file, so no database connection waits for the client.
IN_MEMORY = 1024 * 1024
LONG_ANSWERS = 2  # read from the database at once, by a worker
BLOCK = 64 * 1024  # bytes of a file that are sent at a time

Parts = Iterable[bytes | memoryview]
Opened = Callable[[], AbstractContextManager[Connection | None]]


class PacedFile(FileWrapper):
    """A file to send. Other requests run between two blocks; a server's own `sendfile` would send it all at once."""

    def __next__(self) -> bytes:
        let_others_run()
        return super().__next__()


class Source(Protocol):
    """Reads a record: `one` returns its row or raises 404, `related` yields the rows of a list."""

    def one(
        self, model: type[Record], names: tuple[str, ...], record_id: int, connection: Connection, /
    ) -> Row[Any]: ...

    def related(
        self, model: type[Record], field: str, names: tuple[str, ...], record_id: int, connection: Connection, /
    ) -> Iterator[Rows]: ...


def answer(model: type[Record], detail: type[Schema], record_id: int, source: Source = rows) -> Response:
    """The record as JSON with the fields of `detail`. Raises 404 if there is none, 503 if a long one has no room."""
    return of_parts(partial(_parts, model, json_serialiser(detail), record_id, source))


def of_batches(shown: Serialiser, read: Callable[[Connection], Iterator[Rows]]) -> Response:
    """A list of any number of rows as `shown` has them; 503 if the disk has no room for a long one.

    `read` returns the rows in batches, and a row may have more columns than `shown` asks for.
    """
    return of_parts(lambda connection: chain([b"["], _objects(shown, read(connection)), [b"]"]))


def of_parts(read: Callable[[Any], Parts], mimetype: str = "application/json", opened: Opened = connect) -> Response:
    """The document that consists of what `read` yields. If it is long, it is read a second time.

    `read` gets the connection of `opened`; None if it opens one for each of its parts. Raises 503 if the disk has no
    room for a long one.
    """
    with opened() as connection:
        parts = iter(read(connection))
        held = list(_beginning(parts))
        if sum(map(len, held)) <= IN_MEMORY:
            return _in_memory(b"".join(held), mimetype)
        with _slot(0) as free:
            if free:
                return _through_file(chain(held, parts), mimetype)
        del held
    options = current_app.config["SQLALCHEMY_ENGINE_OPTIONS"]
    with _slot(max(0, g.started + options["pool_timeout"] - monotonic())) as free:
        if free:
            with opened() as connection:
                return _through_file(read(connection), mimetype)
    sentence = "Other long answers are being prepared. Try again in a few seconds."
    raise ServiceUnavailable(sentence, retry_after=RETRY_AFTER)


def of_rows(shown: Serialiser, found: Rows) -> Response:
    """A list of rows as `shown` has them."""
    objects = (memoryview(encode(shown.rows(batch)))[1:-1] for batch in in_batches(found))
    return Response(b"[%b]" % b",".join(objects), mimetype="application/json")


def _beginning(parts: Iterator[bytes | memoryview]) -> Iterator[bytes | memoryview]:
    """The parts up to the one that makes the answer longer than IN_MEMORY, or all."""
    length = 0
    while length <= IN_MEMORY and (part := next(parts, None)) is not None:
        length += len(part)
        yield part


@contextmanager
def _slot(patience: float) -> Iterator[bool]:
    """Whether fewer than LONG_ANSWERS are read at once, within `patience` seconds."""
    slots = slots_for(current_app.config["SQLALCHEMY_ENGINE_OPTIONS"]["pool_size"])
    free = slots.acquire(timeout=patience)
    try:
        yield free
    finally:
        if free:
            slots.release()


@cache
def slots_for(connections: int) -> BoundedSemaphore:
    """Slots for long answers; they leave one of a worker's connections to other requests, unless it has only one."""
    return BoundedSemaphore(min(LONG_ANSWERS, max(1, connections - 1)))


def _in_memory(body: bytes, mimetype: str) -> Response:
    return _response(body, mimetype, len(body), hashlib.sha1(body, usedforsecurity=False).hexdigest())


@contextmanager
def _room_on_disk() -> Iterator[None]:
    """Raise 503 if a temporary file cannot be written, most often because the disk is full."""
    try:
        yield
    except OSError as error:
        logger.error("no room for an answer", extra={"error": str(error)})
        full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        sentence = "The disk is full." if full else "The service cannot write a temporary file."
        raise ServiceUnavailable(f"{sentence} Try again in a while.", retry_after=RETRY_AFTER) from None


def _through_file(parts: Parts, mimetype: str) -> Response:
    digest, length = hashlib.sha1(usedforsecurity=False), 0
    with _room_on_disk(), ExitStack() as stack:  # a file that has no room for a part has none when it is closed either
        file = stack.enter_context(TemporaryFile())
        for part in parts:
            digest.update(part)
            length += file.write(part)
        file.seek(0)
        stack.pop_all()  # the file is closed with the response
    return _response(PacedFile(file, BLOCK), mimetype, length, digest.hexdigest())


def _response(body: bytes | Iterable[bytes], mimetype: str, length: int, tag: str) -> Response:
    response = Response(body, mimetype=mimetype, direct_passthrough=not isinstance(body, bytes))
    response.content_length = length
    response.set_etag(tag)
    return response


def etag(model: type[Record], detail: type[Schema], record_id: int, source: Source = rows) -> str:
    """The ETag of `answer`, without its quotes."""
    digest = hashlib.sha1(usedforsecurity=False)
    with connect() as connection:
        for part in _parts(model, json_serialiser(detail), record_id, source, connection):
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
        yield from _objects(item, source.related(model, name, item.columns, record_id, connection))
        yield b"]"
    yield b"}"


def _objects(shown: Serialiser, batches: Iterator[Rows]) -> Iterator[bytes | memoryview]:
    """The JSON of the rows, separated by commas."""
    separator = b""
    for batch in batches:
        for some in in_batches(batch):
            yield separator
            yield memoryview(encode(shown.rows(some)))[1:-1]
            separator = b","
