"""Pages of lists.

A list is sorted by a column, and rows with equal values by id. A page starts at a cursor, which is a position in that
order, instead of an offset. So rows that are added or deleted meanwhile neither repeat nor skip other rows, and every
page is equally fast.

If the model knows how many rows match, few are sorted, and many are read in the order of an index until the page is
full. PostgreSQL would also read an index in search of few, which may be at its end, and SQLite would sort many.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache, lru_cache
from operator import gt, lt
from typing import Any, NamedTuple

from sqlalchemy import Column, ColumnElement, Select, bindparam, func, inspect, literal, select, tuple_
from sqlalchemy.orm import Mapper

from app.database.columns import KEY_LENGTH, LongText, UTCDateTime
from app.database.filters import ONE, FilterKey, conditions, id_bounds, index_key, is_range_of, parametrise
from app.database.indexes import unindexed
from app.database.rows import selection
from app.database.statements import Rows, fetch
from app.extensions import Base

FEW = 5000  # rows
Where = tuple[ColumnElement[bool], ...]


@dataclass(frozen=True)
class Cursor:
    """A position in a list: the row with that id and that value, as in JSON, in the column of the order.

    Without an id it is the end of the list. The page has the rows after the position, or before it if `backward`.
    """

    value: str | int | None
    id: int | None
    backward: bool


@dataclass(frozen=True)
class Page:
    """Rows in the order of the list, and the cursors of the previous and the next page, None if there is none.

    `total` is the number of rows on all pages, None if it was not requested.
    """

    rows: Rows
    prev: Cursor | None
    next: Cursor | None
    total: int | None


@dataclass(frozen=True)
class Order:
    """The order of a list; nulls are last in ascending order and first in descending, as in PostgreSQL.

    With `of_few` the database must sort the rows instead of reading an index in this order.
    """

    column: Column[Any]
    id: Column[int]
    descending: bool
    of_few: bool = False

    def sort_clauses(self, *, with_nulls: bool) -> list[ColumnElement[Any]]:
        """The clauses of ORDER BY. `with_nulls` if rows have nulls and other values; SQLite needs their position."""
        columns: list[ColumnElement[Any]] = [self.id]
        if self.column is not self.id:
            columns = [index_key(self.column), self.id]
        if self.of_few:
            columns = [func.coalesce(column, column) for column in columns]  # no index has these expressions
        clauses: list[ColumnElement[Any]] = [column.desc() if self.descending else column.asc() for column in columns]
        if with_nulls and self.column.nullable:
            clauses[0] = clauses[0].nulls_first() if self.descending else clauses[0].nulls_last()
        return clauses

    def ranges(self, *, id_given: bool, value_given: bool) -> list[ColumnElement[bool]]:
        """The conditions for rows after a cursor, one for each range of the index in order. Nulls are a range too.

        A single condition with OR would make PostgreSQL read the index from its start.
        """
        after = lt if self.descending else gt
        value, number = index_key(self.column), bindparam("cursor_id", type_=self.id.type)
        null, other = value.is_(None), value.is_not(None)
        if not id_given:
            if not self.column.nullable:
                return [other]
            return [null, other] if self.descending else [other, null]
        if self.column is self.id:
            return [after(self.id, number)]
        if not value_given:
            rest = null & after(self.id, number)
            return [rest, other] if self.descending else [rest]
        rest = after(tuple_(value, self.id), tuple_(bindparam("cursor_value", type_=value.type), number))
        return [rest, null] if self.column.nullable and not self.descending else [rest]

    def cursor(self, row: Sequence[Any] | None, *, backward: bool) -> Cursor:
        """The cursor at `row`, whose last values are the column and the id. Without a row, the end of the list."""
        if row is None:
            return Cursor(None, None, backward)
        *_, value, number = row
        if isinstance(value, datetime):
            value = value.isoformat()
        if isinstance(self.column.type, LongText) and value is not None:
            value = value[:KEY_LENGTH]
        return Cursor(value, number, backward)

    def parameters(self, cursor: Cursor) -> dict[str, Any]:
        """The values of the parameters in `ranges`."""
        value: Any = cursor.value
        if isinstance(self.column.type, UTCDateTime) and value is not None:
            value = datetime.fromisoformat(str(value)).replace(tzinfo=UTC)
        return {"cursor_id": cursor.id, "cursor_value": value}


class ListKey(NamedTuple):
    """The key of a list's cached statements, which do not depend on the page and the values of filters."""

    mapper: Mapper[Any]
    where: Where
    filter_key: FilterKey
    names: tuple[str, ...]
    order_by: str
    descending: bool
    of_few: bool | None  # None if it is not known

    def conditions(self) -> list[ColumnElement[bool]]:
        model = self.mapper.class_
        found = conditions(model, self.filter_key)
        # SQLite has no index of long texts, see `app.database.indexes`.
        if self.of_few is False and not isinstance(self.mapper.columns[self.order_by].type, LongText):
            usable, named = self._usable(), zip(self.filter_key.forms, found, strict=True)
            found = [one if name in usable else unindexed(one) for (name, _), one in named]
        return [*self.where, *found]

    def _usable(self) -> set[str]:
        """The filters whose index SQLite may use: it has the rows in the order of the list, or from a bound on.

        Of the filters by a value it is the first one. Those by a boolean are no such filters, because most rows match.
        """
        model: Any = self.mapper.class_
        forms, order_by = self.filter_key.forms, self.order_by
        ranges = [name for name, _ in forms if is_range_of(model, name, order_by)]
        ordered = [name for name, form in forms if form == ONE and (name, order_by) in _indexed(model)]
        of_values = [name for name in ordered if self.mapper.columns[name].type.python_type is not bool]
        return {*ranges, *of_values[:1]}

    def order(self) -> Order:
        columns = self.mapper.columns
        return Order(columns[self.order_by], columns["id"], self.descending, bool(self.of_few))

    def statement(self) -> Select[Any]:
        """Selects all matching rows: the columns of `names`, then the two that `Order.cursor` needs."""
        names = (*self.names, self.order_by, "id")
        bounds = id_bounds(self.mapper.class_, self.filter_key) if self.order_by == "id" else []
        return selection(self.mapper.class_, names).where(*self.conditions(), *bounds)


def read_page(
    model: type[Base],
    *where: ColumnElement[bool],
    columns: tuple[str, ...],
    limit: int,
    order_by: str,
    sort: str,
    offset: int = 0,
    cursor: Cursor | None = None,
    count: bool = False,
    most: int | None = None,
    **filters: Any,
) -> Page:
    """Up to `limit` rows that match `where` and `filters` (`app.database.filters`), from `cursor` or `offset` on.

    Rows begin with `columns` (`app.database.rows`). Calls pass the same objects in `where`, a key of cached statements.
    Without a kept count, rows are counted one by one, up to `most`.
    """
    backward = cursor is not None and cursor.backward
    filter_key, values = parametrise(model, filters)
    descending = (sort == "desc") != backward
    is_indexed = _is_indexed(model, filter_key, order_by)
    kept = None if where or (is_indexed and not count) else model.kept_count(filters)
    of_few = None if kept is None or is_indexed else kept <= FEW
    list_key = ListKey(inspect(model), where, filter_key, columns, order_by, descending, of_few)
    order = list_key.order()
    rows = _read(list_key, values, cursor or offset, limit + 1)
    after, before = None, None
    if len(rows) > limit > 0:
        after = order.cursor(rows[limit - 1], backward=backward)
    if limit > 0 and (offset > 0 or (cursor and cursor.id)):
        before = order.cursor(rows[0] if rows else None, backward=not backward)
    total = kept if count else None
    if count and total is None:
        ((total,),) = fetch(_count(list_key, most is not None), {**values, "most": most})
    return Page(rows[:limit][::-1], after, before, total) if backward else Page(rows[:limit], before, after, total)


def _read(list_key: ListKey, values: dict[str, Any], position: Cursor | int, limit: int) -> Rows:
    """Up to `limit` rows from a position, which is a cursor or an offset. `values` are the parameters of filters."""
    if isinstance(position, Cursor):
        statements = _from_cursor(list_key, position.id is not None, position.value is not None)
        values = values | list_key.order().parameters(position)
    else:
        statements, values = [_from_offset(list_key)], {**values, "offset": position}
    rows: Rows = []
    for statement in statements:
        if (missing := limit - len(rows)) > 0:
            rows += fetch(statement, {**values, "limit": missing})
    return rows


# Statements are built once, see `app.database.statements.fetch`.
@lru_cache(maxsize=128)
def _from_offset(list_key: ListKey) -> Select[Any]:
    """The statement for a page at `:offset`."""
    statement = list_key.statement().order_by(*list_key.order().sort_clauses(with_nulls=True))
    return statement.limit(bindparam("limit")).offset(bindparam("offset"))


@lru_cache(maxsize=128)
def _from_cursor(list_key: ListKey, id_given: bool, value_given: bool) -> list[Select[Any]]:
    """The statements for a page at a cursor, one for each range, to be run until there are enough rows."""
    order = list_key.order()
    statement = list_key.statement().order_by(*order.sort_clauses(with_nulls=False)).limit(bindparam("limit"))
    return [statement.where(condition) for condition in order.ranges(id_given=id_given, value_given=value_given)]


@lru_cache(maxsize=128)
def _is_indexed(model: type[Base], filter_key: FilterKey, order_by: str) -> bool:
    """Whether an index has the matching rows in the order of the list, or those of a time in the order of ids."""
    forms = [item for item in filter_key.forms if not is_range_of(model, item[0], order_by)]
    return not forms or (len(forms) == 1 and forms[0][1] == ONE and (forms[0][0], order_by) in _indexed(model))


@cache
def _indexed(model: type[Base]) -> set[tuple[str, ...]]:
    """The first two columns of each index of all rows."""
    tables: Any = inspect(model).tables
    every = [index for table in tables for index in table.indexes]
    of_all_rows = [index for index in every if index.dialect_options["postgresql"]["where"] is None]
    return {tuple(column.name for column in index.columns)[:2] for index in of_all_rows}


@lru_cache(maxsize=64)
def _count(list_key: ListKey, is_limited: bool) -> Select[Any]:
    rows = select(literal(1)).select_from(list_key.mapper.local_table).where(*list_key.conditions())
    if is_limited:
        return select(func.count()).select_from(rows.limit(bindparam("most")).subquery())
    return rows.with_only_columns(func.count(), maintain_column_froms=True)
