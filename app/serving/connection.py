"""A client's socket as gunicorn gets it: how long the client may take, and how the connection ends."""

import socket
import sys
from contextlib import suppress
from errno import EBADF
from math import inf
from time import monotonic
from typing import Any

from gunicorn import util
from gunicorn.http.body import ChunkedReader
from gunicorn.http.errors import LimitRequestHeaders

from config import MAX_BULK_BODY, REQUEST_TIMEOUT

FIRST_BYTE = 5  # seconds in which a new connection has to send something
HEAD = 32 * 1024  # bytes of a request line and its headers; gunicorn keeps them twice until they are complete
DISCARDED = 64 * 1024  # bytes of an unread body that are discarded at a time
LINGERS = 2  # seconds in which a client that is still sending can read its last answer

# Connections that wait for a request, the longest idle first, and since when, on the clock of `monotonic`.
idle: dict["Connection", float] = {}


class Connection:
    """A socket that returns no more data once the time of its client is up, as if the client had closed it.

    A request has REQUEST_TIMEOUT to arrive, from its first byte on. A body that has not arrived whole by then, or when
    the client closes its side, is a TimeoutError. Between two requests gunicorn's `keepalive` counts.
    """

    def __init__(self, client: socket.socket) -> None:
        self.client = client
        self.request: Any = None  # of gunicorn, once its head has arrived
        self.head = 0  # bytes that have arrived of the head
        self.is_idle, self.end = True, monotonic() + FIRST_BYTE

    def __getattr__(self, name: str) -> Any:
        return getattr(self.client, name)

    def recv(self, size: int) -> bytes:
        if self.is_idle:
            idle[self] = monotonic()
        try:
            data = self._receive(size)
        finally:
            if self.is_idle:
                idle.pop(self, None)
                self.is_idle, self.end = False, monotonic() + REQUEST_TIMEOUT
        if self.request:
            if not data:  # else gunicorn would take a part of the body for the whole
                raise TimeoutError("the body did not arrive whole")
            return data
        self.head += len(data)
        if self.head > HEAD:
            raise LimitRequestHeaders("max buffer headers")
        return data

    def _receive(self, size: int) -> bytes:
        left = self.end - monotonic()
        if left <= 0:
            return b""
        self.client.settimeout(None if left == inf else left)
        try:
            return self.client.recv(size)
        except TimeoutError:
            return b""
        except OSError as error:
            if error.errno != EBADF:
                raise
            return self.client.recv(size)  # `release` ended the wait; a request may have arrived in that moment
        finally:
            self.client.settimeout(None)

    def release(self) -> None:
        """End the wait for a request."""
        idle.pop(self, None)
        with suppress(OSError):  # the client has closed it already
            self.client.shutdown(socket.SHUT_RD)

    def has_unread_chunks(self) -> bool:
        """Whether the body is chunked and has not been read to its end, where it may be malformed."""
        reader = self.request.body.reader
        return isinstance(reader, ChunkedReader) and reader.parser is not None

    def finish(self) -> None:
        """Discard what is left of the request, which has been answered. Raises StopIteration if that is not possible.

        The connection is then closed silently: a proxy would give a second answer to another client.
        """
        try:
            while self.request.body.read(DISCARDED):
                pass
        except OSError:
            raise StopIteration from None
        if self.request.body.failed:
            raise StopIteration
        has_begun = bool(self.request.unreader.buf.getvalue())  # the next request was sent with this one
        self.is_idle, self.end = not has_begun, monotonic() + REQUEST_TIMEOUT if has_begun else inf
        self.request, self.head = None, 0

    def close(self) -> None:
        """Close the connection so that the client can read the last answer (RFC 9112, section 9.6)."""
        util.close_graceful(self.client, LINGERS, MAX_BULK_BODY)


def release_idle(seconds: float, most: float = inf) -> None:
    """Release connections that have been idle for `seconds`, and the longest idle of more than `most`."""
    now, surplus = monotonic(), len(idle) - most
    for number, (connection, since) in enumerate(list(idle.items())):
        if number >= surplus and since + seconds > now:
            break
        connection.release()


def limit_answers(listener: socket.socket) -> None:
    """Let the kernel drop connections that take nothing of an answer for REQUEST_TIMEOUT; only Linux can."""
    if sys.platform == "linux" and listener.family != socket.AF_UNIX:
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(REQUEST_TIMEOUT * 1000))
