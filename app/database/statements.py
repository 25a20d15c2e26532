"""Reads without instances of the ORM: statements of SQLAlchemy Core, for half of what a session takes for them."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection, Executable, Row

from app.extensions import db

Rows = list[Row[*tuple[Any, ...]]]


@contextmanager
def connect() -> Iterator[Connection]:
    """The connection of the session if it is in a transaction, else one of the pool until the end of the block.

    On that one each statement is a transaction of its own, so nobody waits for this block but for the connection.
    """
    if db.session.registry.has() and db.session().in_transaction():
        yield db.session.connection()
    else:
        with db.engine.connect().execution_options(autocommit=True) as connection:
            yield connection


def fetch(statement: Executable, values: Mapping[str, Any] | None = None, connection: Connection | None = None) -> Rows:
    """All rows of `statement`, with `values` for its parameters, on `connection` or else on that of `connect`.

    Make a statement once and keep it: most of the cost of a short read is to build the statement.
    """
    if connection is not None:
        return list(connection.execute(statement, values))
    with connect() as own:
        return list(own.execute(statement, values))
