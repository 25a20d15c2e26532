"""Time limits of requests, statements and waits for a lock.

After REQUEST_TIMEOUT, the service reads no more of the body and starts no statement. SQLite cancels a running statement
at once, PostgreSQL after STATEMENT_TIMEOUT. So every request is answered before Heroku's router times out, after 30
seconds. `app.serving.connection` stops reading the body, because it owns the socket.
"""

import sqlite3
from time import monotonic
from typing import Any

from flask import g, has_request_context
from psycopg2.extensions import STATUS_READY
from sqlalchemy import Connection, Engine, event
from werkzeug.exceptions import ServiceUnavailable

from app.database.fairness import let_others_run
from app.errors import RETRY_AFTER
from config import REQUEST_TIMEOUT, WAIT_TIMEOUT

# Instructions of SQLite's virtual machine until it calls `_check_progress`. They take a tenth of a millisecond, and two
# milliseconds if they insert rows into many indexes.
INSTRUCTIONS = 10_000
LOCK_TIMEOUT_MIN = 100  # milliseconds; to PostgreSQL, 0 means no limit
# Disables parallel plans: PostgreSQL takes longer to start the processes than for most of our reads.
ONE_PROCESS = "SET LOCAL max_parallel_workers_per_gather = 0"


def elapsed() -> float:
    """The seconds since the request began; 0 in a command, which has no time limit."""
    now = monotonic()
    return now - float(g.get("started", now)) if has_request_context() else 0


def has_timed_out() -> bool:
    """Whether the request has taken longer than REQUEST_TIMEOUT."""
    return elapsed() > REQUEST_TIMEOUT


def raise_if_timed_out() -> None:
    """Raise 503 if the request has taken longer than REQUEST_TIMEOUT."""
    if has_timed_out():
        sentence = f"The request has taken longer than {REQUEST_TIMEOUT} seconds. Try again in a few seconds."
        raise ServiceUnavailable(sentence, retry_after=RETRY_AFTER)


@event.listens_for(Engine, "before_cursor_execute", retval=True)
def _limit_time(
    connection: Connection, cursor: Any, statement: str, parameters: Any, _context: object, _many: bool
) -> tuple[str, Any]:
    """Raise 503 if the request has timed out, and set the limits of PostgreSQL for the transaction.

    The first statement of a transaction sets them in the same message, which costs no round trip. Settings of the
    connection would be lost behind a pooler, which may give each transaction another connection to the server.
    """
    raise_if_timed_out()
    limits = connection.get_execution_options()
    if "statement_timeout" in limits and cursor.connection.status == STATUS_READY:
        statement = f"{_set_limits(**limits)}{statement}"
    return statement, parameters


def _set_limits(*, statement_timeout: int, lock_timeout: int, **_: Any) -> str:
    """SQL that sets the limits, in milliseconds. A wait for a lock ends WAIT_TIMEOUT after the request began.

    A statement runs in one process, so one request cannot use all processors of the database.
    """
    remaining = round(1000 * (WAIT_TIMEOUT - elapsed()))
    lock_timeout = max(min(lock_timeout, remaining), LOCK_TIMEOUT_MIN)
    times = f"SET LOCAL statement_timeout = {statement_timeout}; SET LOCAL lock_timeout = {lock_timeout}"
    return f"{times}; {ONE_PROCESS}; "


def lift_limits(connection: Connection) -> None:
    """Remove the limits of statements from this transaction: they are too strict for statements on whole tables."""
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql(
            "SET LOCAL statement_timeout = 0; SET LOCAL max_parallel_workers_per_gather TO DEFAULT"
        )


@event.listens_for(Engine, "connect")
def _watch_sqlite(connection: Any, _record: object) -> None:
    """Let SQLite, which has no statement timeout, interrupt the statements of a request that has timed out."""
    if isinstance(connection, sqlite3.Connection):
        connection.set_progress_handler(_check_progress, INSTRUCTIONS)


def _check_progress() -> bool:
    """Run other greenlets while SQLite computes, then return whether it must interrupt the statement."""
    let_others_run()
    return has_timed_out()
