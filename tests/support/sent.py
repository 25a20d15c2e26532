"""The statements that a program sends to the database."""

import re
from contextlib import contextmanager
from dataclasses import dataclass
from time import perf_counter
from typing import Any

from sqlalchemy import Engine, event

ASIDE = "BEGIN|SAVEPOINT|RELEASE|ROLLBACK"
LIMITS = (
    r"(SET LOCAL \w+ = \d+; )+"  # the first statement of a transaction begins with these (app/database/deadline.py)
)


@dataclass
class Statement:
    """A statement as the driver received it, and its duration."""

    text: str
    parameters: Any
    milliseconds: float = float("nan")


@contextmanager
def statements():
    """The statements that are sent inside the `with`, without time limits, BEGIN, COMMIT and savepoints."""
    sent = []

    def begin(_connection, _cursor, text, parameters, *_):
        sent.append(Statement(re.sub(LIMITS, "", text), parameters, -1000 * perf_counter()))

    def end(*_):
        sent[-1].milliseconds += 1000 * perf_counter()

    event.listen(Engine, "before_cursor_execute", begin)
    event.listen(Engine, "after_cursor_execute", end)
    try:
        yield sent
    finally:
        event.remove(Engine, "before_cursor_execute", begin)
        event.remove(Engine, "after_cursor_execute", end)
        sent[:] = [statement for statement in sent if not re.match(ASIDE, statement.text)]
