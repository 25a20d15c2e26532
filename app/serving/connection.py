"""What gunicorn does beside calling the application: the end of its patience, and what it refuses by itself."""

import logging
import socket
import sys
from contextlib import suppress
from errno import EBADF
from http import HTTPStatus
from time import monotonic
from typing import Any
from uuid import uuid4

import orjson
from gunicorn import util
from gunicorn.http import wsgi
from gunicorn.http.errors import NoMoreData, ParseException
from gunicorn.http.parser import RequestParser

from app.web.headers import SECURITY_HEADERS
from config import REQUEST_TIMEOUT

logger = logging.getLogger("gunicorn.error")

TOGETHER = 64 * 1024  # bytes of a body; a longer one is not copied for it

FIRST_BYTE = 5  # seconds in which a new connection has to send something
CROWDED = 0.9  # of the connections that a worker accepts: from here on it closes idle ones

# Connections of this worker that wait for a request, the longest idle first: since when, on the clock of `monotonic`,
# and whether they have never sent anything.
idle: dict[socket.socket, tuple[float, bool]] = {}


def limit_answers(listener: socket.socket) -> None:
    """Let the kernel drop connections that take nothing of an answer for REQUEST_TIMEOUT; only Linux can."""
    if sys.platform == "linux" and listener.family != socket.AF_UNIX:
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(REQUEST_TIMEOUT * 1000))


class Receiver:
    """The receiving side of a connection: from its first byte on, a request has REQUEST_TIMEOUT to be there."""

    def __init__(self, connection: socket.socket) -> None:
        self.connection = connection
        self.end: float | None = None  # on the clock of `monotonic`; None between two requests
        self.is_new = True

    def recv(self, size: int) -> bytes:
        """What has arrived. Raises TimeoutError when the time is up, whatever the client goes on sending."""
        if self.end is None:
            return self._first(size)
        left = self.end - monotonic()
        if left <= 0:
            raise TimeoutError(f"not all there within {REQUEST_TIMEOUT} seconds")
        self.connection.settimeout(left)
        try:
            return self.connection.recv(size)
        finally:
            self.connection.settimeout(None)

    def _first(self, size: int) -> bytes:
        idle[self.connection] = monotonic(), self.is_new
        try:
            return self.connection.recv(size)
        except OSError as error:
            if error.errno != EBADF:
                raise
            return b""  # `release` has shut this side down
        finally:
            del idle[self.connection]
            self.is_new = False
            self.end = monotonic() + REQUEST_TIMEOUT


class Parser(RequestParser):
    """gunicorn's own, which would wait for a head and a body as long as they take."""

    def __init__(self, cfg: Any, source: socket.socket, source_addr: Any) -> None:
        super().__init__(cfg, Receiver(source), source_addr)

    def __next__(self) -> Any:
        """The next request; one whose head is late is dropped as one that breaks off, with no answer."""
        try:
            return super().__next__()
        except TimeoutError:
            raise NoMoreData from None

    def finish_body(self, *limits: Any) -> bool:
        """Discard what is left of the last request, whose time ends here; whether the next one may begin.

        A request that was answered gets no second answer: if the rest of its body is malformed, the connection is
        closed without a word. A proxy would give that answer to another client.
        """
        try:
            finished: bool = super().finish_body(*limits)
        except ParseException:
            raise NoMoreData from None
        if finished:
            begun = self.unreader.buf.getvalue()  # sent with the request before
            self.unreader.sock.end = monotonic() + REQUEST_TIMEOUT if begun else None
        return finished


class Sender(wsgi.Response):
    """gunicorn's own, which would send the head of an answer and its body one by one, in two packets."""

    headers_sent: bool

    def start_response(self, status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Any:
        """Close the connection after an answer that says `Connection: close`; gunicorn drops that header."""
        if ("Connection", "close") in headers:
            self.force_close()
        return super().start_response(status, headers, exc_info)

    def write(self, arg: bytes) -> None:
        if self.headers_sent or self.response_length != len(arg) or len(arg) > TOGETHER or self._omits_body:
            super().write(arg)
            return
        head = [*self.default_headers(), *(f"{name}: {value}\r\n" for name, value in self.headers), "\r\n"]
        self.headers_sent, self.sent = True, len(arg)
        self.sock.sendall("".join(head).encode("latin-1") + arg)


def release(seconds: float, most: int) -> None:
    """Close connections that have been idle for `seconds`, or have sent nothing in FIRST_BYTE seconds.

    A worker accepts `most` connections and no others. Near that number it closes those that have been idle longest.
    """
    now, surplus = monotonic(), len(idle) - int(CROWDED * most)
    for number, (connection, (since, is_new)) in enumerate(idle.items()):
        patience = min(seconds, FIRST_BYTE) if is_new else seconds
        if number < surplus or since + patience <= now:
            with suppress(OSError):  # the client is gone already
                connection.shutdown(socket.SHUT_RD)


def write_problem(connection: Any, status: int, _reason: str, detail: str) -> None:
    """Refuse what never becomes a request of the application in the form that all its errors have."""
    request_id = uuid4().hex
    logger.info("refused", extra={"status": status, "request_id": request_id})
    title = HTTPStatus(status).phrase
    refusal = {"type": "about:blank", "title": title, "status": status, "detail": detail or title}
    body = orjson.dumps(refusal | {"request_id": request_id})
    headers = {
        "Connection": "close",
        "Content-Type": "application/problem+json",
        "Content-Length": str(len(body)),
        "Cache-Control": "no-store",
        "X-Request-ID": request_id,
        **SECURITY_HEADERS,
    }
    lines = [f"HTTP/1.1 {status} {title}", *(f"{name}: {value}" for name, value in headers.items())]
    util.write_nonblock(connection, "\r\n".join([*lines, "", ""]).encode() + body)
