"""gunicorn's worker of greenlets: while a request waits for a client or PostgreSQL, other requests run."""

import socket
from collections.abc import Iterable
from contextlib import suppress
from functools import partial
from typing import Any
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

import gevent
import psycopg2
from gevent.socket import wait_read, wait_write
from gunicorn.http.errors import ParseException
from gunicorn.workers.ggevent import GeventWorker
from psycopg2 import extensions

from app.ops import metrics
from app.serving.connection import Connection, release_idle, release_oldest
from app.serving.refusals import refusal
from config import CONNECT_TIMEOUT, STATEMENT_TIMEOUT

CROWDED_SHARE = 0.9  # of the connections that a worker accepts; beyond this share, it closes those that wait longest
IDLE_MIN = 1  # seconds after which a worker that stops closes idle connections
CONNECTED = (extensions.STATUS_READY, extensions.STATUS_BEGIN)  # the status of a connection to PostgreSQL
ANSWER_TIMEOUT = STATEMENT_TIMEOUT / 1000 + 1  # seconds after which PostgreSQL should have cancelled the statement


class Worker(GeventWorker):
    """gunicorn's worker with deadlines for its connections, and with problem details as error pages."""

    wsgi: Any

    def load_wsgi(self) -> None:
        super().load_wsgi()
        self.wsgi = partial(call, self.wsgi)

    def handle(self, listener: Any, client: socket.socket, addr: Any) -> None:
        """Serve a connection. If too many are not being served, close those that have waited longest."""
        release_oldest(CROWDED_SHARE * self.worker_connections)
        super().handle(listener, Connection(client), addr)

    def handle_request(self, listener_name: Any, req: Any, sock: Connection, addr: Any) -> None:
        sock.serve(req)
        super().handle_request(listener_name, req, sock, addr)
        sock.finish()

    def handle_error(self, req: Any, client: Connection, addr: Any, exc: BaseException) -> None:
        """Answer a request that the application did not answer. Log why, without values that may be a key."""
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
        """Called once a second: tell the master that the worker lives. A worker that stops closes idle connections."""
        super().notify()
        metrics.sample(self.app.wsgi())
        if not self.alive:
            release_idle(IDLE_MIN)


def call(app: WSGIApplication, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """Call the application. gunicorn ignores its header `Connection: close`, so we call `force_close`."""
    connection: Connection = environ["gunicorn.socket"]

    def start(status: str, headers: list[tuple[str, str]], *exc_info: Any) -> Any:
        if ("Connection", "close") in headers or connection.has_unread_chunks():
            connection.request.force_close()
        return start_response(status, headers, *exc_info)

    return app(environ, start)


def wait_for_database(connection: Any) -> None:
    """Run other greenlets until PostgreSQL has connected or answered. Raises OperationalError after a time limit.

    See https://www.psycopg.org/docs/advanced.html#support-for-coroutine-libraries. libpq ignores `connect_timeout` when
    the caller polls, and a PostgreSQL that hangs does not cancel statements.
    """
    missing, seconds = ("answer", ANSWER_TIMEOUT) if connection.status in CONNECTED else ("connection", CONNECT_TIMEOUT)
    with gevent.Timeout(seconds, psycopg2.OperationalError(f"no {missing} in time")):
        while (state := connection.poll()) != extensions.POLL_OK:
            wait = wait_read if state == extensions.POLL_READ else wait_write
            wait(connection.fileno())
