"""gunicorn's worker of greenlets: requests wait side by side, for clients and for PostgreSQL."""

import socket
from collections.abc import Iterable
from contextlib import suppress
from functools import partial
from math import inf
from typing import Any
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

import gevent
import psycopg2
from gevent.socket import wait_read, wait_write
from gunicorn.http.errors import ParseException
from gunicorn.workers.ggevent import GeventWorker
from psycopg2 import extensions

from app.ops import metrics
from app.serving.connection import Connection, release_idle
from app.serving.refusals import refusal
from config import CONNECT_TIMEOUT, STATEMENT_TIMEOUT

CROWDED = 0.9  # of the connections that a worker accepts: from here on it closes idle ones
ARRIVES = 1  # seconds by which the request of a new connection should be there
MADE = (extensions.STATUS_READY, extensions.STATUS_BEGIN)  # of a connection to PostgreSQL
HANGS = STATEMENT_TIMEOUT / 1000 + 1  # seconds after which PostgreSQL has not even given up


class Worker(GeventWorker):
    """One whose connections have deadlines, and whose error pages are problem details."""

    wsgi: Any

    def load_wsgi(self) -> None:
        super().load_wsgi()
        self.wsgi = partial(call, self.wsgi)

    def handle(self, listener: Any, client: socket.socket, addr: Any) -> None:
        """Serve a connection; where there are too many, the one that has been idle longest is closed for it."""
        release_idle(inf, CROWDED * self.worker_connections)
        super().handle(listener, Connection(client), addr)

    def handle_request(self, listener_name: Any, req: Any, sock: Connection, addr: Any) -> None:
        sock.request = req
        super().handle_request(listener_name, req, sock, addr)
        sock.finish()

    def handle_error(self, req: Any, client: Connection, addr: Any, exc: BaseException) -> None:
        """Answer what the application did not. The log says why, but repeats nothing that may be a key."""
        malformed = exc if req is None and isinstance(exc, ParseException) else None
        status, request_id, answer = refusal(malformed)
        fields = {"status": status, "request_id": request_id}
        if malformed:
            reason = str(exc).partition(":")[0]
            self.log.warning("Invalid request from ip=%s: %s", addr[0] if addr else "", reason, extra=fields)
        else:
            self.log.error("unexpected error", exc_info=exc, extra=fields)
        with suppress(OSError):  # the client is gone
            client.sendall(answer)

    def notify(self) -> None:
        """Say once a second that the worker lives. A worker that is to end lets idle clients go."""
        super().notify()
        metrics.sample(self.app.wsgi())
        if not self.alive:
            release_idle(ARRIVES)


def call(app: WSGIApplication, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """Call the application. gunicorn ignores its `Connection: close`, so the request is told instead."""
    connection: Connection = environ["gunicorn.socket"]

    def start(status: str, headers: list[tuple[str, str]], *exc_info: Any) -> Any:
        if ("Connection", "close") in headers or connection.has_unread_chunks():
            connection.request.force_close()
        return start_response(status, headers, *exc_info)

    return app(environ, start)


def wait_for_database(connection: Any) -> None:
    """Let others work until a connection is made, or an answer there. Raises OperationalError if that takes too long.

    After https://www.psycopg.org/docs/advanced.html#support-for-coroutine-libraries. libpq leaves `connect_timeout` to
    the caller that polls, and a PostgreSQL that hangs does not end its statements.
    """
    missing, seconds = ("answer", HANGS) if connection.status in MADE else ("connection", CONNECT_TIMEOUT)
    with gevent.Timeout(seconds, psycopg2.OperationalError(f"no {missing} in time")):
        while (state := connection.poll()) != extensions.POLL_OK:
            wait = wait_read if state == extensions.POLL_READ else wait_write
            wait(connection.fileno())
