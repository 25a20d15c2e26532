"""A client's socket as gunicorn gets it: how long the client may take, and how the connection ends."""

import socket
import sys
from contextlib import suppress
from errno import EBADF
from math import inf
from time import monotonic
from typing import Any

from gunicorn import util
from gunicorn.http.errors import ParseException

from config import MAX_BULK_BODY, REQUEST_TIMEOUT

FIRST_BYTE = 5  # seconds in which a new connection has to send something
DISCARDED = 64 * 1024  # bytes of an unread body that are discarded at a time
LINGERS = 2  # seconds in which a client that is still sending can read its last answer

# Connections that wait for a request, the longest idle first, and since when, on the clock of `monotonic`.
idle: dict["Connection", float] = {}


class Connection:
    """A socket that returns no more data once the time of its client is up, as if the client had closed it.

    A request has REQUEST_TIMEOUT to arrive, from its first byte on. Between two requests gunicorn's `keepalive` counts.
    """

    def __init__(self, client: socket.socket) -> None:
        self.client = client
        self.request: Any = None
        self.is_idle, self.end = True, monotonic() + FIRST_BYTE

    def __getattr__(self, name: str) -> Any:
        return getattr(self.client, name)

    def recv(self, size: int) -> bytes:
        if self.is_idle:
            idle[self] = monotonic()
        left = self.end - monotonic()
        self.client.settimeout(None if left == inf else max(left, 0))
        try:
            return self.client.recv(size) if left > 0 else b""
        except TimeoutError:
            return b""
        except OSError as error:
            if error.errno != EBADF:
                raise
            return self.client.recv(size)  # `release` ended the wait; a request may have arrived in that moment
        finally:
            self.client.settimeout(None)
            if self.is_idle:
                idle.pop(self, None)
                self.is_idle, self.end = False, monotonic() + REQUEST_TIMEOUT

    def release(self) -> None:
        """End the wait for a request."""
        idle.pop(self, None)
        with suppress(OSError):  # the client has closed it already
            self.client.shutdown(socket.SHUT_RD)

    def finish(self) -> None:
        """Discard what is left of the request, which has been answered. Raises StopIteration to close the connection.

        Nothing is said about a body that is malformed or late: a proxy would give a second answer to another client.
        """
        body = self.request.body
        try:
            while not body.failed and body.read(DISCARDED):
                pass
        except (OSError, ParseException):
            raise StopIteration from None
        has_begun = bool(self.request.unreader.buf.getvalue())  # the next request was sent with this one
        self.is_idle, self.end = not has_begun, monotonic() + REQUEST_TIMEOUT if has_begun else inf

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
