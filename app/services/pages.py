"""Pages of lists.

A list goes by a column and, where rows are equal in it, by id. A page goes on from a position in that order, not after
so many rows, so that rows that come and go meanwhile neither repeat nor skip others, and so that depth costs nothing.
"""

from dataclasses import dataclass
from datetime import datetime
from operator import gt, lt
from typing import Any, Generic, TypeVar

from sqlalchemy import Column, ColumnElement, Select, func, inspect, select, tuple_

from app.extensions import Base, db
from app.models import RecipeRun
from app.models.columns import KEY_LENGTH, LongText, UTCDateTime
from app.services import run_counts
from app.services.filters import conditions, key

M = TypeVar("M", bound=Base)


@dataclass(frozen=True)
class Position:
    """Where a walk goes on: beyond the row with that id, and that value, as JSON has it, in the column of the order.

    Without an id it starts at the end of the list.
    """

    value: str | int | None
    id: int | None
    backward: bool


@dataclass(frozen=True)
class Page(Generic[M]):
    """Records in the order of the list, and where the pages before and after them are, if there may be any.

    `total` is how many records all pages have, if that was asked.
    """

    records: list[M]
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

    def position(self, record: Base | None, *, backward: bool) -> Position:
        """Where `record` is; without one, the end of the list."""
        if record is None:
            return Position(None, None, backward)
        value, number = (getattr(record, column.key) for column in (self.column, self.id))
        if isinstance(value, datetime):
            value = value.isoformat()
        if isinstance(self.column.type, LongText) and value is not None:
            value = value[:KEY_LENGTH]
        return Position(value, number, backward)

    def _bound(self, value: Any) -> Any:
        return datetime.fromisoformat(value) if isinstance(self.column.type, UTCDateTime) else value


def read(
    model: type[M],
    *where: ColumnElement[bool],
    limit: int,
    order_by: str,
    sort: str,
    offset: int = 0,
    position: Position | None = None,
    count: bool = False,
    **filters: Any,
) -> Page[M]:
    """The page of up to `limit` records that fit `where` and `filters` (`app.services.filters`), from `position` on."""
    columns = inspect(model).columns
    backward = position is not None and position.backward
    order = Order(columns[order_by], columns["id"], (sort == "desc") != backward)
    fitting = select(model).where(*where, *conditions(model, filters))
    if position:
        rows = _beyond(position, order, fitting, limit + 1)
    else:
        rows = list(db.session.scalars(fitting.order_by(*order.clauses(mixed=True)).limit(limit + 1).offset(offset)))
    ahead, behind = None, None
    if len(rows) > limit > 0:
        ahead = order.position(rows[limit - 1], backward=backward)
    if limit > 0 and (offset > 0 or (position and position.id)):
        behind = order.position(rows[0] if rows else None, backward=not backward)
    counted = model is RecipeRun and not where and run_counts.cover(filters)
    total = (run_counts.count(filters) if counted else _count(fitting)) if count else None
    return Page(rows[:limit][::-1], ahead, behind, total) if backward else Page(rows[:limit], behind, ahead, total)


def _beyond(position: Position, order: Order, fitting: Select[Any], limit: int) -> list[M]:
    """Up to `limit` of the `fitting` rows, range by range."""
    rows: list[M] = []
    for stretch in order.ranges(position):
        if len(rows) < limit:
            rest = fitting.where(stretch).order_by(*order.clauses(mixed=False)).limit(limit - len(rows))
            rows += db.session.scalars(rest)
    return rows


def _count(fitting: Select[Any]) -> int:
    return db.session.scalar(fitting.with_only_columns(func.count(), maintain_column_froms=True)) or 0
