"""Pages of lists.

A list goes by a column and, where rows are equal in it, by id. A page goes on from a cursor in that order, not after
so many rows, so that rows that come and go meanwhile neither repeat nor skip others, and so that depth costs nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from operator import gt, lt
from typing import Any, NamedTuple

from sqlalchemy import Column, ColumnElement, Select, bindparam, func, inspect, select, tuple_
from sqlalchemy.orm import Mapper

from app.database.columns import KEY_LENGTH, LongText, UTCDateTime
from app.database.filters import FilterKey, conditions, key, parametrise
from app.database.rows import selection
from app.database.statements import Rows, fetch
from app.extensions import Base, db

Where = tuple[ColumnElement[bool], ...]


@dataclass(frozen=True)
class Cursor:
    """Where a list goes on: beyond the row with that id, and that value, as JSON has it, in the column of the order.

    Without an id it starts at the end of the list.
    """

    value: str | int | None
    id: int | None
    backward: bool


@dataclass(frozen=True)
class Page:
    """Rows in the order of the list, and where the pages before and after them are, if there may be any.

    `total` is how many records all pages have, if that was asked.
    """

    rows: Rows
    prev: Cursor | None
    next: Cursor | None
    total: int | None


@dataclass(frozen=True)
class Order:
    """The order of a list; nulls are last in ascending order and first in descending, as in PostgreSQL."""

    column: Column[Any]
    id: Column[int]
    descending: bool

    def clauses(self, *, mixed: bool) -> list[ColumnElement[Any]]:
        """For ORDER BY; `mixed` if nulls are among other values, so that SQLite has to be told their place."""
        columns = [key(self.column), self.id] if self.column is not self.id else [self.id]
        if self.descending:
            return [column.desc().nulls_first() if mixed else column.desc() for column in columns]
        return [column.asc().nulls_last() if mixed else column.asc() for column in columns]

    def ranges(self, *, id_given: bool, value_given: bool) -> list[ColumnElement[bool]]:
        """The ranges of the index beyond a cursor, `id` and `value`, first to last: nulls are a range of their own.

        A single condition, with OR, would make PostgreSQL read the index from its beginning.
        """
        beyond = lt if self.descending else gt
        value, number = key(self.column), bindparam("id", type_=self.id.type)
        null, other = value.is_(None), value.is_not(None)
        if not id_given:
            if not self.column.nullable:
                return [other]
            return [null, other] if self.descending else [other, null]
        if self.column is self.id:
            return [beyond(self.id, number)]
        if not value_given:
            rest = null & beyond(self.id, number)
            return [rest, other] if self.descending else [rest]
        rest = beyond(tuple_(value, self.id), tuple_(bindparam("value", type_=value.type), number))
        return [rest, null] if self.column.nullable and not self.descending else [rest]

    def cursor(self, row: Sequence[Any] | None, *, backward: bool) -> Cursor:
        """Where `row`, which ends with the column and the id, is; without one, the end of the list."""
        if row is None:
            return Cursor(None, None, backward)
        *_, value, number = row
        if isinstance(value, datetime):
            value = value.isoformat()
        if isinstance(self.column.type, LongText) and value is not None:
            value = value[:KEY_LENGTH]
        return Cursor(value, number, backward)

    def bound(self, cursor: Cursor) -> dict[str, Any]:
        """The parameters of `ranges`."""
        value: Any = cursor.value
        if isinstance(self.column.type, UTCDateTime) and value is not None:
            value = datetime.fromisoformat(str(value)).replace(tzinfo=UTC)
        return {"id": cursor.id, "value": value}


class ListKey(NamedTuple):
    """What the statements of a list are made of, whatever the page: rows of which table, in which dialect and order."""

    mapper: Mapper[Any]
    where: Where
    filter_key: FilterKey
    dialect: str
    names: tuple[str, ...]
    order_by: str
    descending: bool

    def conditions(self) -> list[ColumnElement[bool]]:
        return [*self.where, *conditions(self.mapper.class_, self.filter_key)]

    def order(self) -> Order:
        columns = self.mapper.columns
        return Order(columns[self.order_by], columns["id"], self.descending)

    def rows(self) -> Select[Any]:
        """All rows that fit: the columns of `names`, then what `Order.cursor` wants of a row."""
        names = (*self.names, self.order_by, "id")
        return selection(self.mapper.class_, names).where(*self.conditions())


def read(
    model: type[Base],
    *where: ColumnElement[bool],
    columns: tuple[str, ...],
    limit: int,
    order_by: str,
    sort: str,
    offset: int = 0,
    cursor: Cursor | None = None,
    count: bool = False,
    **filters: Any,
) -> Page:
    """The page of up to `limit` rows that fit `where` and `filters` (`app.database.filters`), from `cursor` on.

    Rows begin with `columns` (`app.database.rows`). What is in `where` is made once and for all.
    """
    backward = cursor is not None and cursor.backward
    filter_key, values = parametrise(model, filters)
    descending = (sort == "desc") != backward
    list_key = ListKey(inspect(model), where, filter_key, db.engine.dialect.name, columns, order_by, descending)
    order = list_key.order()
    if cursor:
        ranges = _beyond(list_key, cursor.id is not None, cursor.value is not None)
        place = order.bound(cursor)
    else:
        ranges, place = [_first(list_key)], {"offset": offset}
    rows: Rows = []
    for statement in ranges:
        if (wanted := limit + 1 - len(rows)) > 0:
            rows += fetch(statement, {**values, **place, "limit": wanted})
    ahead, behind = None, None
    if len(rows) > limit > 0:
        ahead = order.cursor(rows[limit - 1], backward=backward)
    if limit > 0 and (offset > 0 or (cursor and cursor.id)):
        behind = order.cursor(rows[0] if rows else None, backward=not backward)
    total = _total(list_key, filters, values) if count else None
    return Page(rows[:limit][::-1], ahead, behind, total) if backward else Page(rows[:limit], behind, ahead, total)


# Statements are made once, as `app.database.statements` wants them.
@lru_cache(maxsize=128)
def _first(list_key: ListKey) -> Select[Any]:
    """The statement for pages that are given by their `offset`."""
    rows = list_key.rows().order_by(*list_key.order().clauses(mixed=True))
    return rows.limit(bindparam("limit")).offset(bindparam("offset"))


@lru_cache(maxsize=128)
def _beyond(list_key: ListKey, id_given: bool, value_given: bool) -> list[Select[Any]]:
    """The statements for pages beyond a cursor, to be asked until there are rows enough."""
    order = list_key.order()
    rows = list_key.rows().order_by(*order.clauses(mixed=False)).limit(bindparam("limit"))
    return [rows.where(stretch) for stretch in order.ranges(id_given=id_given, value_given=value_given)]


def _total(list_key: ListKey, filters: dict[str, Any], values: dict[str, Any]) -> int:
    """How many rows fit, by the counts that the model keeps if they cover the filters."""
    total: int | None = None if list_key.where else list_key.mapper.class_.kept_count(filters)
    if total is None:
        ((total,),) = fetch(_count(list_key), values)
    return total


@lru_cache(maxsize=64)
def _count(list_key: ListKey) -> Select[Any]:
    return select(func.count()).select_from(list_key.mapper.local_table).where(*list_key.conditions())
