"""gunicorn's worker of greenlets: requests wait side by side, for clients and for PostgreSQL."""

from time import monotonic
from typing import Any

import psycopg2
from gevent.socket import wait_read, wait_write
from gunicorn.workers.ggevent import GeventWorker
from psycopg2 import extensions

from app import server
from config import CONNECT_TIMEOUT, STATEMENT_TIMEOUT

MADE = (extensions.STATUS_READY, extensions.STATUS_BEGIN)  # of a connection
HANGS = STATEMENT_TIMEOUT / 1000 + 1  # seconds after which PostgreSQL has not even given up


class Worker(GeventWorker):
    """One that ends without its idle clients; gunicorn's own waits for them as for requests."""

    def notify(self) -> None:
        """Say each second that the worker lives."""
        super().notify()
        if not self.alive:
            server.release()


def wait_for_database(connection: Any) -> None:
    """Let others work until a connection is made, or an answer there. Raises OperationalError if that takes too long.

    After https://www.psycopg.org/docs/advanced.html#support-for-coroutine-libraries. libpq leaves `connect_timeout` to
    whoever polls, and psycogreen, which does so, has no end of a statement that a server which hangs never answers.
    """
    patience = HANGS if connection.status in MADE else CONNECT_TIMEOUT
    end = monotonic() + patience
    while (state := connection.poll()) != extensions.POLL_OK:
        wait = wait_read if state == extensions.POLL_READ else wait_write
        try:
            wait(connection.fileno(), timeout=max(end - monotonic(), 0))
        except TimeoutError:
            raise psycopg2.OperationalError(f"no answer within {patience} seconds") from None
