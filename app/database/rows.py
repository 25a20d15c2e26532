"""Reads rows instead of ORM instances where a response only shows records: plain values of the given columns.

Columns are given by name; `bakery.name` is the name of the bakery that a record refers to. Times are naive, in UTC.
"""

from collections.abc import Iterator
from functools import lru_cache
from typing import Any, cast

from sqlalchemy import (
    ColumnElement,
    Connection,
    DateTime,
    FromClause,
    Row,
    Select,
    bindparam,
    inspect,
    select,
    type_coerce,
)
from sqlalchemy.orm import Mapper
from werkzeug.exceptions import NotFound

from app.database.columns import INTEGER_MAX, UTCDateTime
from app.database.fairness import let_others_run
from app.database.record import Record
from app.database.statements import Rows, fetch
from app.extensions import Base

BATCH = 400  # rows in memory at a time


def one(model: type[Record], names: tuple[str, ...], record_id: int, connection: Connection | None = None) -> Row[Any]:
    """The row with that id. Raises 404 if there is none."""
    if 0 < record_id <= INTEGER_MAX:
        for row in fetch(_by_id(inspect(model), names), {"id": record_id}, connection):
            return row
    raise NotFound(f"{model.noun} {record_id} not found")


def require(model: type[Record], record_id: int) -> None:
    """Raise 404 if there is no record with that id."""
    one(model, ("id",), record_id)


def related(
    model: type[Record], name: str, names: tuple[str, ...], record_id: int, connection: Connection | None = None
) -> Iterator[Rows]:
    """Yield the rows of the relationship `name` of the record with that id, sorted by id, in batches."""
    return batches(_related(inspect(model), name, names), 0, connection, parent=record_id)


def batches(
    statement: Select[Any], last: int, connection: Connection | None = None, size: int | None = None, **values: Any
) -> Iterator[Rows]:
    """Yield up to `size` rows at a time, by default BATCH.

    `statement` has the parameters `last` and `limit`, and returns the id last.
    """
    limit = size or BATCH
    while batch := fetch(statement, values | {"last": last, "limit": limit}, connection):
        yield batch
        if len(batch) < limit:
            return
        last = batch[-1][-1]
        let_others_run()


def selection(model: type[Base], names: tuple[str, ...]) -> Select[Any]:
    """A statement that selects those columns of all rows."""
    return _selection(inspect(model), names)


# Statements are built once, see `app.database.statements.fetch`.
@lru_cache(maxsize=64)
def _selection(mapper: Mapper[Any], names: tuple[str, ...]) -> Select[Any]:
    source: FromClause = mapper.local_table
    for part in dict.fromkeys(name.partition(".")[0] for name in names if "." in name):
        source = source.join(mapper.relationships[part].target)
    return select(*(_plain(mapper, name) for name in names)).select_from(source)


@lru_cache(maxsize=64)
def _by_id(mapper: Mapper[Any], names: tuple[str, ...]) -> Select[Any]:
    return _selection(mapper, names).where(mapper.columns["id"] == bindparam("id"))


@lru_cache(maxsize=64)
def _related(mapper: Mapper[Any], name: str, names: tuple[str, ...]) -> Select[Any]:
    relationship = mapper.relationships[name]
    (parent,) = relationship.remote_side
    number = relationship.mapper.columns["id"]
    rows = _selection(relationship.mapper, (*names, "id")).order_by(number).limit(bindparam("limit"))
    return rows.where(parent == bindparam("parent"), number > bindparam("last"))


def _plain(mapper: Mapper[Any], name: str) -> ColumnElement[Any]:
    """The column without a conversion of its values: aware times would double the cost of reading rows."""
    part, _, inner = name.rpartition(".")
    mapper = mapper.relationships[part].mapper if part else mapper
    if inner not in mapper.columns:
        return cast("ColumnElement[Any]", getattr(mapper.class_, inner))  # a hybrid
    column = mapper.columns[inner]
    return type_coerce(column, DateTime).label(None) if isinstance(column.type, UTCDateTime) else column
