"""What the database is asked, be it by an engine or by `app.database.statements`."""

import re
from contextlib import contextmanager
from dataclasses import dataclass
from time import perf_counter
from typing import Any

from sqlalchemy import Engine, event

from app.database import statements as runner

ASIDE = "BEGIN|SAVEPOINT|RELEASE|ROLLBACK|PREPARE"


@dataclass
class Statement:
    """A statement as the driver got it, and how long it took."""

    text: str
    parameters: Any
    milliseconds: float = float("nan")


@contextmanager
def statements():
    """The statements that are sent meanwhile, without BEGIN, COMMIT, savepoints, and PREPARE, once a connection."""
    sent, fetch = [], runner.fetch_all

    def begin(_connection, _cursor, text, parameters, *_):
        sent.append(Statement(text, parameters, -1000 * perf_counter()))

    def end(*_):
        sent[-1].milliseconds += 1000 * perf_counter()

    def fetch_noted(cursor, text, parameters):
        begin(None, cursor, text, parameters)
        rows = fetch(cursor, text, parameters)
        end()
        return rows

    event.listen(Engine, "before_cursor_execute", begin)
    event.listen(Engine, "after_cursor_execute", end)
    runner.fetch_all = fetch_noted
    try:
        yield sent
    finally:
        runner.fetch_all = fetch
        event.remove(Engine, "before_cursor_execute", begin)
        event.remove(Engine, "after_cursor_execute", end)
        sent[:] = [statement for statement in sent if not re.match(ASIDE, statement.text)]
