"""What gunicorn does beside calling the application: the end of its patience, and what it refuses by itself."""

import logging
import socket
import sys
from http import HTTPStatus
from struct import Struct
from threading import Semaphore, Thread
from time import monotonic
from typing import Any
from uuid import uuid4

import orjson
from flask import Flask, Response
from gunicorn import util
from gunicorn.http.errors import NoMoreData, ParseException
from gunicorn.http.parser import RequestParser
from werkzeug.exceptions import BadRequest

from app.errors import problem
from app.http import SECURITY_HEADERS
from config import REQUEST_TIMEOUT

logger = logging.getLogger("gunicorn.error")

TIMEVAL = Struct("ll")  # <sys/time.h>

linger = util.close_graceful  # gunicorn's own
lingering = Semaphore(64)  # connections, each with a thread


def init_app(app: Flask) -> None:
    app.register_error_handler(ParseException, body_is_malformed)


def body_is_malformed(error: ParseException) -> Response:
    """400 for chunks that are none, which gunicorn finds only when the application reads them."""
    return problem(BadRequest(f"The body is not sent as HTTP has it: {error}"))


def limit_answers(listener: socket.socket) -> None:
    """Let the kernel drop connections that take nothing of an answer for REQUEST_TIMEOUT; only Linux can."""
    if sys.platform == "linux" and listener.family != socket.AF_UNIX:
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(REQUEST_TIMEOUT * 1000))


class Deadline:
    """The receiving side of a socket for one request, up to the moment by which its head and its body have to be there.

    The kernel keeps the time: a timeout of Python's own is two more system calls for each piece, and at each a thread
    leaves the GIL to the others.
    """

    def __init__(self, connection: socket.socket) -> None:
        self.connection = connection
        self.end = monotonic() + REQUEST_TIMEOUT

    def recv(self, size: int) -> bytes:
        """What has arrived. Raises TimeoutError when the time is up, however slowly the client goes on sending."""
        left = max(self.end - monotonic(), 0.001)
        self.connection.setsockopt(
            socket.SOL_SOCKET, socket.SO_RCVTIMEO, TIMEVAL.pack(int(left), int(left % 1 * 1_000_000))
        )
        try:
            return self.connection.recv(size)
        except BlockingIOError:
            raise TimeoutError(f"not all there within {REQUEST_TIMEOUT} seconds") from None


class Parser(RequestParser):
    """gunicorn's own, which waits for the head of a request as long as it takes, with a deadline."""

    def __next__(self) -> Any:
        """The next request; one whose head is late is dropped as one that breaks off, with no answer."""
        self.unreader.sock = Deadline(self.unreader.sock)
        try:
            return super().__next__()
        except TimeoutError:
            raise NoMoreData from None


def post_request(_worker: Any, request: Any, _environ: Any, _response: Any) -> None:
    """Leave the socket as gunicorn knows it, for the next request on it."""
    request.unreader.sock = request.unreader.sock.connection


def close(connection: Any) -> None:
    """Close a connection gently (RFC 9112, section 9.6), but not in the one thread that takes in all requests.

    gunicorn would wait there for two seconds for each client that does not close its side. Where many linger, the next
    is closed at once, which may cost it the end of its answer.
    """
    if lingering.acquire(blocking=False):
        Thread(target=_linger, args=(connection,), daemon=True).start()
    else:
        util.close(connection)


def _linger(connection: Any) -> None:
    try:
        linger(connection)
    finally:
        lingering.release()


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
