"""Rows in the place of records, where they are only to be shown: plain values, of no more columns than are asked for.

Columns go by name; `bakery.name` is the name of the bakery that a record refers to. Times come without a zone, in UTC.
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

BATCH = 1000  # rows in memory


def one(model: type[Record], names: tuple[str, ...], record_id: int, connection: Connection | None = None) -> Row[Any]:
    """The row of the record with that id, or 404."""
    if 0 < record_id <= INTEGER_MAX:
        for row in fetch(_by_id(inspect(model), names), {"id": record_id}, connection):
            return row
    raise NotFound(f"{model.noun} {record_id} not found")


def require(model: type[Record], record_id: int) -> None:
    """Raise 404 if there is no record with that id."""
    one(model, ("id",), record_id)


def related(
    model: type[Record], member: str, names: tuple[str, ...], record_id: int, connection: Connection | None = None
) -> Iterator[Rows]:
    """The rows of all records in the list `member` of the record with that id, by id, a batch at a time."""
    return batches(_related(inspect(model), member, names), 0, connection, parent=record_id)


def batches(statement: Select[Any], last: int, connection: Connection | None = None, **values: int) -> Iterator[Rows]:
    """All rows, up to `limit` of them beyond the id `last` at a time; each ends with its id."""
    while batch := fetch(statement, values | {"last": last, "limit": BATCH}, connection):
        yield batch
        if len(batch) < BATCH:
            return
        last = batch[-1][-1]
        let_others_run()


def selection(model: type[Base], names: tuple[str, ...]) -> Select[Any]:
    """All rows, with those columns."""
    return _selection(inspect(model), names)


# Statements are made once, as `app.database.statements` wants them.
@lru_cache(maxsize=64)
def _selection(mapper: Mapper[Any], names: tuple[str, ...]) -> Select[Any]:
    whole: FromClause = mapper.local_table
    for part in dict.fromkeys(name.partition(".")[0] for name in names if "." in name):
        whole = whole.join(mapper.relationships[part].target)
    return select(*(_plain(mapper, name) for name in names)).select_from(whole)


@lru_cache(maxsize=64)
def _by_id(mapper: Mapper[Any], names: tuple[str, ...]) -> Select[Any]:
    return _selection(mapper, names).where(mapper.columns["id"] == bindparam("id"))


@lru_cache(maxsize=64)
def _related(mapper: Mapper[Any], member: str, names: tuple[str, ...]) -> Select[Any]:
    relationship = mapper.relationships[member]
    (parent,) = relationship.remote_side
    number = relationship.mapper.columns["id"]
    rows = _selection(relationship.mapper, (*names, "id")).order_by(number).limit(bindparam("limit"))
    return rows.where(parent == bindparam("parent"), number > bindparam("last"))


def _plain(mapper: Mapper[Any], name: str) -> ColumnElement[Any]:
    """The column, as the driver gives it: what makes aware times of rows costs as much as the rows themselves."""
    part, _, inner = name.rpartition(".")
    mapper = mapper.relationships[part].mapper if part else mapper
    if inner not in mapper.columns:
        return cast("ColumnElement[Any]", getattr(mapper.class_, inner))  # a hybrid
    column = mapper.columns[inner]
    return type_coerce(column, DateTime).label(None) if isinstance(column.type, UTCDateTime) else column
