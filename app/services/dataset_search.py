"""Finds datasets by words, best first.

A dataset is found if it has all the words of a query, or words that begin with them. It has the rank of the first kind
of text (`KINDS`: title, keywords, recipe and feedstock, variables, other texts) by which all of them are found, and
datasets of one rank are sorted by id, newest first. A dataset whose recipe, feedstock or url contains the query as it
is has the last rank. Each rank is one walk through an index, which stops when the page is full.
"""

from functools import cache, lru_cache
from typing import Any

from sqlalchemy import ColumnElement, FromClause, Select, bindparam, func, inspect, literal_column, select

from app.database import rows
from app.database.columns import INTEGER_MAX
from app.database.filters import FilterKey, conditions, parametrise
from app.database.pages import Cursor, Page
from app.database.statements import Rows, fetch
from app.extensions import db
from app.models import Dataset, DatasetSearch
from app.models.dataset_search import index, is_one_of, matches
from app.models.datasets import DATASETS
from app.services.search_documents import WHOLE
from app.services.search_queries import Rank, ranks

COUNTED = 5000  # hits
SAMPLE = 500  # datasets that PostgreSQL looks at, in the order of the list
ENOUGH = 25  # of them, so that a page of N datasets is full after about 20 N
OWN_FILTERS = ("include_withdrawn", "since", "until", *WHOLE)  # which need no other table than that of datasets
Where = tuple[ColumnElement[bool], ...]


def read_page(
    q: str,
    *where: ColumnElement[bool],
    columns: tuple[str, ...],
    limit: int,
    descending: bool = True,
    offset: int = 0,
    cursor: Cursor | None = None,
    count: bool = False,
    **filters: Any,
) -> Page:
    """A page of the datasets that `q` finds, like that of `app.database.pages`, best first unless not `descending`.

    The value of a cursor is the rank.
    """
    backward = cursor is not None and cursor.backward
    search = Search(ranks(q, db.engine.dialect.name), where, filters, ascending=descending == backward)
    found = search.from_cursor(cursor, limit + 1) if cursor else search.from_offset(offset, limit + 1)
    after, before = None, None
    if len(found) > limit > 0:
        after = Cursor(*found[limit - 1], backward)
    if limit > 0 and (offset > 0 or (cursor and cursor.id)):
        before = Cursor(*found[0], not backward) if found else Cursor(None, None, not backward)
    ids = [number for _, number in (found[:limit][::-1] if backward else found[:limit])]
    prev, next = (after, before) if backward else (before, after)
    return Page(read_rows(columns, ids), prev, next, search.count() if count else None)


class Search:
    """The ranks and ids of datasets in order. `ascending` is the reverse order, with the best at the end."""

    def __init__(self, found: list[Rank], where: Where, filters: dict[str, Any], *, ascending: bool = False) -> None:
        self.ranks, self.where, self.ascending = found, where, ascending
        self.filter_key, self.values = parametrise(Dataset, filters)
        self.common = cache(self._common)
        self.hits: dict[int, int] = {}

    def from_offset(self, offset: int, limit: int) -> list[tuple[int, int]]:
        found: list[tuple[int, int]] = []
        for number in self._order():
            if len(found) == limit:
                break
            of_rank = self._read(number, None, limit - len(found), offset)
            found += of_rank
            if offset and not of_rank:
                offset -= min(offset, self._count(number))
            elif of_rank:
                offset = 0
        return found

    def from_cursor(self, cursor: Cursor, limit: int) -> list[tuple[int, int]]:
        found: list[tuple[int, int]] = []
        start = None if cursor.id is None else int(cursor.value or 0)
        for number in self._order():
            if start is not None and (number > start if self.ascending else number < start):
                continue
            if len(found) == limit:
                break
            found += self._read(number, cursor.id if number == start else None, limit - len(found))
        return found

    def count(self) -> int:
        return sum(self._count(number) for number in self._order())

    def _order(self) -> list[int]:
        numbers = list(range(len(self.ranks)))
        return numbers[::-1] if self.ascending else numbers

    def _read(self, number: int, after: int | None, limit: int, offset: int = 0) -> list[tuple[int, int]]:
        common = self.common(after)[number]
        if not common and self._adds_none(number):
            return []
        statement = _ids(*self._key(number), self.ascending, after is not None, common)
        values = self._values(number) | {"after": after, "limit": limit, "offset": offset}
        return [(number, id) for (id,) in fetch(statement, values)]

    def _count(self, number: int) -> int:
        [(count,)] = fetch(_count(*self._key(number)), self._values(number))
        return int(count)

    def _adds_none(self, number: int) -> bool:
        """Whether a rank has no hits, or only those of the rank before, as a rank by words may have."""
        [(hits,)] = fetch(_hits(), {"match": self.ranks[number].match})
        self.hits[number] = hits
        same = hits <= COUNTED and not self.ranks[number].names and hits == self.hits.get(number - 1)
        return hits == 0 or same

    def _common(self, after: int | None) -> list[bool]:
        """For each rank, whether a sample of the next datasets has at least ENOUGH hits. SQLite does not need this."""
        if self.filter_key.dialect == "sqlite":
            return [True] * len(self.ranks)
        matched = {f"match_{number}": rank.match for number, rank in enumerate(self.ranks)}
        excluded = {f"but_not_{number}": rank.but_not for number, rank in enumerate(self.ranks)}
        excluding = tuple(rank.but_not is not None for rank in self.ranks)
        statement = _counts_in_sample(self.where, self.filter_key, excluding, self.ascending, after is not None)
        [counts] = fetch(statement, self.values | matched | excluded | {"after": after})
        return [count >= ENOUGH for count in counts]

    def _key(self, number: int) -> tuple[Where, FilterKey, bool, bool]:
        rank = self.ranks[number]
        return self.where, self.filter_key, rank.but_not is not None, rank.names is not None

    def _values(self, number: int) -> dict[str, Any]:
        rank = self.ranks[number]
        return self.values | {"match": rank.match, "but_not": rank.but_not, "names": rank.names}


# Statements are built once, see `app.database.statements.fetch`.
@cache
def _hits() -> Select[Any]:
    """Counts the datasets that match, up to COUNTED + 1, on PostgreSQL."""
    _, number = index("postgresql")
    found = select(number).where(matches("postgresql", "match")).limit(COUNTED + 1).subquery()
    return select(func.count()).select_from(found)


@lru_cache(maxsize=128)
def _counts_in_sample(
    where: Where, filter_key: FilterKey, excluding: tuple[bool, ...], ascending: bool, from_id: bool
) -> Select[Any]:
    """Counts the next SAMPLE datasets that match the filters, for each rank."""
    source, number = index("postgresql")
    every = source.alias().c.dataset_id
    sample = select(every).order_by(every if ascending else every.desc()).limit(SAMPLE)
    if from_id:
        sample = sample.where(every > bindparam("after") if ascending else every < bindparam("after"))
    counts: list[Any] = []
    for rank, but_not in enumerate(excluding):
        having = matches("postgresql", f"match_{rank}")
        if but_not:
            having &= ~matches("postgresql", f"but_not_{rank}")
        counts.append(func.count().filter(having))
    return (
        select(*counts)
        .select_from(_joined(source, number, filter_key))
        .where(*where, *conditions(Dataset, filter_key), is_one_of(number, sample))
    )


@lru_cache(maxsize=128)
def _found(where: Where, filter_key: FilterKey, excluding: bool, by_names: bool) -> Select[Any]:
    """Selects the ids of the datasets that match `:match` and the filters."""
    dialect = filter_key.dialect
    source, number = index(dialect)
    joined = _joined(source, number, filter_key)
    found = select(number).where(matches(dialect, "match"), *where, *conditions(Dataset, filter_key))
    if excluding:
        found = found.where(~matches(dialect, "but_not"))
    if by_names:
        if dialect == "sqlite":
            joined = joined.join(DatasetSearch, DatasetSearch.dataset_id == number)
        found = found.where(DatasetSearch.names.like(bindparam("names"), escape="\\"))
    return found.select_from(joined)


def _joined(source: FromClause, number: ColumnElement[int], filter_key: FilterKey) -> FromClause:
    """The index with the datasets, and with the tables of what describes them if a filter needs these."""
    columns = inspect(Dataset).columns
    names = (name for name, _ in filter_key.forms if name not in OWN_FILTERS)
    own = all(name in columns and columns[name].table is DATASETS for name in names)
    return source.join(DATASETS if own else inspect(Dataset).local_table, DATASETS.c.id == number)


@lru_cache(maxsize=128)
def _ids(
    where: Where,
    filter_key: FilterKey,
    excluding: bool,
    by_names: bool,
    ascending: bool,
    from_id: bool,
    common: bool,
) -> Select[Any]:
    found = _found(where, filter_key, excluding, by_names)
    _, number = index(filter_key.dialect)
    if from_id:
        found = found.where(number > bindparam("after") if ascending else number < bindparam("after"))
    # The sum has no index, so PostgreSQL finds rare words by the index of words. It would guess that none is rare.
    order = number if common else number + literal_column("0")
    ordered = found.order_by(order.asc() if ascending else order.desc())
    return ordered.limit(bindparam("limit")).offset(bindparam("offset"))


@lru_cache(maxsize=64)
def _count(where: Where, filter_key: FilterKey, excluding: bool, by_names: bool) -> Select[Any]:
    found = _found(where, filter_key, excluding, by_names)
    if filter_key.dialect == "sqlite":
        # In this order, SQLite reads the index of words once. Otherwise it would read it again for each dataset.
        _, number = index(filter_key.dialect)
        return select(func.count()).select_from(found.order_by(number).limit(INTEGER_MAX).subquery())
    return found.with_only_columns(func.count(), maintain_column_froms=True)


def read_rows(columns: tuple[str, ...], ids: list[int]) -> Rows:
    """The rows of those datasets, in that order."""
    found = {row[-1]: row for row in fetch(_by_ids(columns), {"ids": ids})}
    return [found[number] for number in ids if number in found]


@lru_cache(maxsize=64)
def _by_ids(columns: tuple[str, ...]) -> Select[Any]:
    statement = rows.selection(Dataset, (*columns, "id"))
    return statement.where(DATASETS.c.id.in_(bindparam("ids", expanding=True)))
