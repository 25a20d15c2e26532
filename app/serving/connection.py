"""A wrapper around a client's socket that limits how long the client may take, and closes the connection."""

import socket
import sys
from contextlib import suppress
from errno import EBADF
from heapq import nsmallest
from math import inf
from time import monotonic
from typing import Any

from gunicorn import util
from gunicorn.http.body import ChunkedReader
from gunicorn.http.errors import LimitRequestHeaders

from config import MAX_BULK_BODY, REQUEST_TIMEOUT

FIRST_BYTE_TIMEOUT = 5  # seconds within which a new connection must send its first byte
HEAD_MAX = 32 * 1024  # bytes of a request line and its headers; gunicorn holds two copies until they are complete
DISCARD_SIZE = 64 * 1024  # bytes of an unread body to read and discard at a time
CLOSE_TIMEOUT = 2  # seconds before a connection is closed, so that a client that still sends can read its answer

# Connections without a request that is being served, and the time since when, by `monotonic`: they wait for one or for
# the rest of its head, or discard the body of one that is answered.
waiting: dict["Connection", float] = {}


class Connection:
    """A socket that returns no data after a deadline, as if the client had closed it.

    A request must arrive within REQUEST_TIMEOUT of its first byte. `recv` raises TimeoutError if the body is incomplete
    at that time, or when the client closes its side. gunicorn's `keepalive` limits the time between two requests.
    """

    def __init__(self, client: socket.socket) -> None:
        self.client = client
        self.request: Any = None  # gunicorn's, after its head has arrived
        self.is_served = False  # from the end of the head to the answer
        self.head_size = 0  # bytes of the head that have arrived
        self.is_idle, self.since = True, monotonic()
        self.deadline = self.since + FIRST_BYTE_TIMEOUT

    def __getattr__(self, name: str) -> Any:
        return getattr(self.client, name)

    def recv(self, size: int) -> bytes:
        if not self.is_served:
            waiting[self] = self.since
        try:
            data = self._receive(size)
        finally:
            waiting.pop(self, None)
            if self.is_idle:
                self.is_idle, self.since = False, monotonic()
                self.deadline = self.since + REQUEST_TIMEOUT
        if self.request:
            if not data:  # otherwise gunicorn would treat a part of the body as the whole
                raise TimeoutError("the body did not arrive whole")
            return data
        self.head_size += len(data)
        if self.head_size > HEAD_MAX:
            raise LimitRequestHeaders("max buffer headers")
        return data

    def _receive(self, size: int) -> bytes:
        remaining = self.deadline - monotonic()
        if remaining <= 0:
            return b""
        self.client.settimeout(None if remaining == inf else remaining)
        try:
            return self.client.recv(size)
        except TimeoutError:
            return b""
        except OSError as error:
            if error.errno != EBADF:
                raise
            return self.client.recv(size)  # `release` ended the wait; a request may have arrived at the same time
        finally:
            self.client.settimeout(None)

    def release(self) -> None:
        """Close the reading side, which ends the wait for data."""
        waiting.pop(self, None)
        with suppress(OSError):  # the client has already closed the connection
            self.client.shutdown(socket.SHUT_RD)

    def serve(self, request: Any) -> None:
        """Note that the head of a request has arrived."""
        self.request, self.is_served = request, True

    def has_unread_chunks(self) -> bool:
        """Whether the body is chunked and not read completely. The rest may be malformed."""
        reader = self.request.body.reader
        return isinstance(reader, ChunkedReader) and reader.parser is not None

    def finish(self) -> None:
        """Discard the rest of an answered request. Raises StopIteration if that fails.

        gunicorn then closes the connection without an answer: a proxy would pass a second answer to another client.
        """
        self.is_served, self.since = False, monotonic()
        try:
            while self.request.body.read(DISCARD_SIZE):
                pass
        except OSError:
            raise StopIteration from None
        if self.request.body.failed:
            raise StopIteration
        has_begun = bool(self.request.unreader.buf.getvalue())  # the next request was pipelined
        self.is_idle, self.since = not has_begun, monotonic()
        self.deadline = self.since + REQUEST_TIMEOUT if has_begun else inf
        self.request, self.head_size = None, 0

    def close(self) -> None:
        """Close the connection so that the client can read the last answer (RFC 9112, section 9.6)."""
        util.close_graceful(self.client, CLOSE_TIMEOUT, MAX_BULK_BODY)


def release_idle(seconds: float) -> None:
    """Release the connections of which no byte of a request has arrived for `seconds`."""
    before = monotonic() - seconds
    for connection, since in list(waiting.items()):
        if connection.is_idle and since <= before:
            connection.release()


def release_oldest(most: float) -> None:
    """Release the connections that have waited longest, beyond `most` of them."""
    if (surplus := len(waiting) - int(most)) > 0:
        for connection in nsmallest(surplus, waiting, key=waiting.__getitem__):
            connection.release()


def limit_answers(listener: socket.socket) -> None:
    """Make the kernel close connections whose client accepts no data for REQUEST_TIMEOUT. Only Linux can."""
    if sys.platform == "linux" and listener.family != socket.AF_UNIX:
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(REQUEST_TIMEOUT * 1000))
