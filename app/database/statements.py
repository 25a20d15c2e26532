"""Reads and inserts with SQLAlchemy Core, which cost half as much as with instances of the ORM."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from typing import Any

from sqlalchemy import Connection, Executable, Insert, Result, Row
from sqlalchemy import insert as sql_insert

from app.database.fairness import BATCH, paced
from app.extensions import Base, db

Rows = list[Row[*tuple[Any, ...]]]


@contextmanager
def connect() -> Iterator[Connection]:
    """The session's connection if the session is in a transaction, else one of the pool until the block ends.

    On a connection of the pool, each statement is a separate transaction, so the block holds no locks between them.
    """
    if db.session.registry.has() and db.session().in_transaction():
        yield db.session.connection()
    else:
        with db.engine.connect().execution_options(autocommit=True) as connection:
            yield connection


def fetch(statement: Executable, values: Mapping[str, Any] | None = None, connection: Connection | None = None) -> Rows:
    """All rows of `statement` with the parameters `values`, read on `connection`, by default that of `connect`.

    Build a statement once and keep it: building it is most of the cost of a short read. Other requests may run while
    many rows are read.
    """
    if connection is not None:
        return _rows(connection.execute(statement, values))
    with connect() as connected:
        return _rows(connected.execute(statement, values))


def _rows(result: Result[*tuple[Any, ...]]) -> Rows:
    return [row for batch in paced(result.partitions(BATCH)) for row in batch]


def insert(model: type[Base], records: list[dict[str, Any]], *, returning: bool = False) -> Rows:
    """Insert `records`, all with the same columns, in the session's transaction. Return the rows if `returning`."""
    # SQLAlchemy inserts a list as many records, even a list of one, which is slower.
    values = records if len(records) > 1 else records[0]
    result = db.session.connection().execute(_insertion(model, returning), values)
    return list(result) if returning else []


@cache
def _insertion(model: type[Base], returning: bool) -> Insert:
    table: Any = model.__table__
    statement = sql_insert(table)
    if not returning:
        return statement.inline()
    computed = (getattr(model, name).label(name) for name in model.computed)
    return statement.returning(*table.columns, *computed, sort_by_parameter_order=True)
