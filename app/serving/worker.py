"""gunicorn's worker of greenlets: requests wait side by side, for clients and for PostgreSQL."""

from contextlib import AbstractContextManager, nullcontext
from time import monotonic
from typing import Any

import gevent
import psycopg2
from gevent.socket import wait_read, wait_write
from gunicorn.workers.ggevent import GeventWorker
from psycopg2 import extensions

from app.ops import metrics
from app.serving import connection
from config import CONNECT_TIMEOUT, STATEMENT_TIMEOUT

MADE = (extensions.STATUS_READY, extensions.STATUS_BEGIN)  # of a connection
ARRIVES = 1  # seconds by which the request of a new connection should be there
HANGS = STATEMENT_TIMEOUT / 1000 + 1  # seconds after which PostgreSQL has not even given up

waiting: dict[Any, float] = {}  # greenlets, and until when they wait for an answer, on the clock of `monotonic`


class Worker(GeventWorker):
    """One that looks once a second who has waited for too long, where gunicorn's has a timer for each request."""

    def init_process(self) -> None:
        # Each of the settings, of which a request looks up many, is found by a function of gunicorn's.
        self.cfg.__dict__.update({name: setting.get() for name, setting in self.cfg.settings.items()})
        super().init_process()

    def timeout_ctx(self) -> AbstractContextManager[None]:
        return nullcontext()

    def notify(self) -> None:
        """Say that the worker lives. Idle clients are let go after `keepalive`, or soon if it is to end."""
        super().notify()
        metrics.sample(self.wsgi)
        connection.release(self.cfg.keepalive if self.alive else ARRIVES, self.cfg.worker_connections)
        give_up()


def wait_for_database(connection: Any) -> None:
    """Let others work until a connection is made, or an answer there. Raises OperationalError if that takes too long.

    For answers the worker looks after that, see `give_up`; its master would wait on.

    After https://www.psycopg.org/docs/advanced.html#support-for-coroutine-libraries. libpq leaves `connect_timeout` to
    whoever polls, and psycogreen, which does so, has no end of a statement that a server which hangs never answers.
    """
    if connection.status not in MADE:
        with gevent.Timeout(CONNECT_TIMEOUT, psycopg2.OperationalError("no connection in time")):
            _wait(connection)
        return
    me = gevent.getcurrent()
    waiting[me] = monotonic() + HANGS
    try:
        _wait(connection)
    finally:
        del waiting[me]


def _wait(connection: Any) -> None:
    while (state := connection.poll()) != extensions.POLL_OK:
        wait = wait_read if state == extensions.POLL_READ else wait_write
        wait(connection.fileno())


def give_up() -> None:
    """Raise in those who have waited for an answer for too long."""
    for greenlet, end in list(waiting.items()):
        if end < monotonic():
            gevent.get_hub().loop.run_callback(_throw, greenlet, end)


def _throw(greenlet: Any, end: float) -> None:
    """Raise in one who still waits: its answer may have come in the same moment."""
    if waiting.get(greenlet) == end:
        greenlet.throw(psycopg2.OperationalError("no answer in time"))
