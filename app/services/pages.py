"""Pages of lists.

A list goes by a column and, where rows are equal in it, by id. A page goes on from a position in that order, not after
so many rows, so that rows that come and go meanwhile neither repeat nor skip others, and so that depth costs nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from operator import gt, lt
from typing import Any

from sqlalchemy import Column, ColumnElement, Row, Select, bindparam, func, inspect, select, tuple_
from sqlalchemy.orm import Mapper

from app.extensions import Base, db
from app.models import RecipeRun
from app.models.columns import KEY_LENGTH, LongText, UTCDateTime
from app.services import run_counts
from app.services.filters import conditions, key
from app.services.rows import selection


@dataclass(frozen=True)
class Position:
    """Where a walk goes on: beyond the row with that id, and that value, as JSON has it, in the column of the order.

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

    rows: Sequence[Row[Any]]
    prev: Position | None
    next: Position | None
    total: int | None


@dataclass(frozen=True)
class Order:
    """In what order a walk meets rows; nulls are last in ascending order and first in descending, as in PostgreSQL."""

    column: Column[Any]
    id: Column[int]
    descending: bool

    def clauses(self, *, mixed: bool) -> list[ColumnElement[Any]]:
        """For ORDER BY; `mixed` if nulls are among other values, so that SQLite has to be told their place."""
        columns = [key(self.column), self.id] if self.column is not self.id else [self.id]
        if self.descending:
            return [column.desc().nulls_first() if mixed else column.desc() for column in columns]
        return [column.asc().nulls_last() if mixed else column.asc() for column in columns]

    def ranges(self, position: Position) -> list[ColumnElement[bool]]:
        """The ranges of the index beyond `position`, first to last: nulls are a range of their own.

        A single condition, with OR, would make PostgreSQL read the index from its beginning.
        """
        beyond = lt if self.descending else gt
        value = key(self.column)
        null, other = value.is_(None), value.is_not(None)
        if position.id is None:
            if not self.column.nullable:
                return [other]
            return [null, other] if self.descending else [other, null]
        if self.column is self.id:
            return [beyond(self.id, position.id)]
        if position.value is None:
            rest = null & beyond(self.id, position.id)
            return [rest, other] if self.descending else [rest]
        rest = beyond(tuple_(value, self.id), (self._bound(position.value), position.id))
        return [rest, null] if self.column.nullable and not self.descending else [rest]

    def position(self, row: Sequence[Any] | None, *, backward: bool) -> Position:
        """Where `row`, which ends with the column and the id, is; without one, the end of the list."""
        if row is None:
            return Position(None, None, backward)
        *_, value, number = row
        if isinstance(value, datetime):
            value = value.isoformat()
        if isinstance(self.column.type, LongText) and value is not None:
            value = value[:KEY_LENGTH]
        return Position(value, number, backward)

    def _bound(self, value: Any) -> Any:
        if isinstance(self.column.type, UTCDateTime):
            return datetime.fromisoformat(value).replace(tzinfo=UTC)
        return value


def read(
    model: type[Base],
    *where: ColumnElement[bool],
    columns: tuple[str, ...],
    limit: int,
    order_by: str,
    sort: str,
    offset: int = 0,
    position: Position | None = None,
    count: bool = False,
    **filters: Any,
) -> Page:
    """The page of up to `limit` rows that fit `where` and `filters` (`app.services.filters`), from `position` on.

    Rows begin with `columns` (`app.services.rows`).
    """
    backward = position is not None and position.backward
    order = _order(model, order_by, (sort == "desc") != backward)
    fitting = [*where, *conditions(model, filters)]
    rows: Sequence[Row[Any]]
    if position:
        rows = _beyond(position, order, selection(model, (*columns, order_by, "id")).where(*fitting), limit + 1)
    else:
        statement = _first(inspect(model), columns, order_by, order.descending, db.engine.dialect.name)
        statement = statement.where(*fitting) if fitting else statement
        rows = db.session.execute(statement, {"limit": limit + 1, "offset": offset}).all()
    ahead, behind = None, None
    if len(rows) > limit > 0:
        ahead = order.position(rows[limit - 1], backward=backward)
    if limit > 0 and (offset > 0 or (position and position.id)):
        behind = order.position(rows[0] if rows else None, backward=not backward)
    total = None
    if count:
        counted = model is RecipeRun and not where and run_counts.cover(filters)
        total = run_counts.count(filters) if counted else _count(model, fitting)
    return Page(rows[:limit][::-1], ahead, behind, total) if backward else Page(rows[:limit], behind, ahead, total)


def _order(model: type[Base], name: str, descending: bool) -> Order:
    columns = inspect(model).columns
    return Order(columns[name], columns["id"], descending)


@lru_cache(maxsize=64)
def _first(mapper: Mapper[Any], names: tuple[str, ...], order_by: str, descending: bool, _dialect: str) -> Select[Any]:
    """The statement for pages that are given by their offset; made once, as most requests are for such."""
    order = _order(mapper.class_, order_by, descending).clauses(mixed=True)
    rows = selection(mapper.class_, (*names, order_by, "id")).order_by(*order)
    return rows.limit(bindparam("limit")).offset(bindparam("offset"))


def _beyond(position: Position, order: Order, fitting: Select[Any], limit: int) -> list[Row[Any]]:
    """Up to `limit` of the `fitting` rows, range by range."""
    rows: list[Row[Any]] = []
    for stretch in order.ranges(position):
        if len(rows) < limit:
            rest = fitting.where(stretch).order_by(*order.clauses(mixed=False)).limit(limit - len(rows))
            rows += db.session.execute(rest)
    return rows


def _count(model: type[Base], fitting: list[ColumnElement[bool]]) -> int:
    return db.session.scalar(select(func.count()).select_from(model.__table__).where(*fitting)) or 0
