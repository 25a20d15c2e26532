"""How long a request may take: after REQUEST_TIMEOUT its body is no longer read and no statement begins.

On PostgreSQL the last statement ends by STATEMENT_TIMEOUT, on SQLite at once. So every request is answered before
Heroku's router gives up on it, after 30 seconds. The body is cut off by `app.serving.connection`, which has the socket.
"""

import sqlite3
from time import monotonic
from typing import Any

from flask import g, has_request_context
from sqlalchemy import Engine, event
from werkzeug.exceptions import ServiceUnavailable

from app.database.fairness import let_others_run
from app.errors import RETRY_AFTER
from config import REQUEST_TIMEOUT

INSTRUCTIONS = 100_000  # of SQLite's machine, a millisecond or so, between two looks at the clock


def is_over() -> bool:
    """Whether the time of the request is up; commands have as much as they want."""
    return has_request_context() and monotonic() > g.get("started", float("inf")) + REQUEST_TIMEOUT


def require_time() -> None:
    """Raise 503 if no statement may begin any more."""
    if is_over():
        sentence = f"The request has taken longer than {REQUEST_TIMEOUT} seconds. Try again in a few seconds."
        raise ServiceUnavailable(sentence, retry_after=RETRY_AFTER)


@event.listens_for(Engine, "before_cursor_execute")
def _begin_in_time(*_: Any) -> None:
    require_time()


@event.listens_for(Engine, "connect")
def _interrupt_sqlite(connection: Any, _record: object) -> None:
    """Let SQLite, which knows no timeout of statements, end one whose request is over as if it were interrupted."""
    if isinstance(connection, sqlite3.Connection):
        connection.set_progress_handler(_look_up, INSTRUCTIONS)


def _look_up() -> bool:
    """Let others run while SQLite computes, and say whether it has to stop."""
    let_others_run()
    return is_over()
