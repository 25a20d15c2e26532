"""Reads and inserts without instances of the ORM: statements of SQLAlchemy Core, for half the cost of a session's."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from typing import Any

from sqlalchemy import Connection, Executable, Insert, Row
from sqlalchemy import insert as sql_insert

from app.extensions import Base, db

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


def insert(model: type[Base], records: list[dict[str, Any]], *, returning: bool = False) -> Rows:
    """Insert records, all with the same columns, in the transaction of the session; the new rows, if `returning`."""
    # SQLAlchemy treats a list as many records, even if it has one, which takes longer.
    values = records if len(records) > 1 else records[0]
    result = db.session.connection().execute(_insertion(model, returning), values)
    return list(result) if returning else []


@cache
def _insertion(model: type[Base], returning: bool) -> Insert:
    table: Any = model.__table__
    statement = sql_insert(table)
    return statement.returning(*table.columns, sort_by_parameter_order=True) if returning else statement.inline()
