"""How long requests, statements and waits for a lock may take.

After REQUEST_TIMEOUT the body of a request is no longer read and no statement begins. On PostgreSQL the last statement
ends by STATEMENT_TIMEOUT, on SQLite at once. So every request is answered before Heroku's router gives up on it, after
30 seconds. The body is cut off by `app.serving.connection`, which has the socket.
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

INSTRUCTIONS = 100_000  # of SQLite's machine, a millisecond or so, between two looks at the clock
SHORTEST = 100  # milliseconds to wait for a lock; PostgreSQL takes 0 for no limit


def age() -> float:
    """The seconds since the request began; of a command 0, because it may take as long as it takes."""
    now = monotonic()
    return now - float(g.get("started", now)) if has_request_context() else 0


def is_over() -> bool:
    """Whether the time of the request is up."""
    return age() > REQUEST_TIMEOUT


def require_time() -> None:
    """Raise 503 if no statement may begin any more."""
    if is_over():
        sentence = f"The request has taken longer than {REQUEST_TIMEOUT} seconds. Try again in a few seconds."
        raise ServiceUnavailable(sentence, retry_after=RETRY_AFTER)


@event.listens_for(Engine, "before_cursor_execute", retval=True)
def _begin_in_time(
    connection: Connection, cursor: Any, statement: str, parameters: Any, _context: object, _many: bool
) -> tuple[str, Any]:
    """Refuse a late statement, and let PostgreSQL end one that takes too long.

    The first statement of a transaction sets the limits in the same message, which costs no round trip. A connection
    pooler would lose settings of the connection, because it gives each transaction another connection to the server.
    """
    require_time()
    limits = connection.get_execution_options()
    if "lock_timeout" in limits and cursor.connection.status == STATUS_READY:
        statement = f"{_settings(**limits)}{statement}"
    return statement, parameters


def _settings(*, statement_timeout: int, lock_timeout: int, **_: Any) -> str:
    """Limits in milliseconds. A request that has waited for connections waits for locks until WAIT_TIMEOUT only."""
    left = round(1000 * (WAIT_TIMEOUT - age()))
    lock_timeout = max(min(lock_timeout, left), SHORTEST)
    return f"SET LOCAL statement_timeout = {statement_timeout}; SET LOCAL lock_timeout = {lock_timeout}; "


def lift_time_limit(connection: Connection) -> None:
    """Give the statements of this transaction all the time they take: a request's limit is too short for a table."""
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql("SET LOCAL statement_timeout = 0")


@event.listens_for(Engine, "connect")
def _interrupt_sqlite(connection: Any, _record: object) -> None:
    """Let SQLite, which knows no timeout of statements, end one whose request is over as if it were interrupted."""
    if isinstance(connection, sqlite3.Connection):
        connection.set_progress_handler(_look_up, INSTRUCTIONS)


def _look_up() -> bool:
    """Let others run while SQLite computes, and say whether it has to stop."""
    let_others_run()
    return is_over()
