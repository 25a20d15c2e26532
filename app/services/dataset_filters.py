"""Lists of datasets with filters by what other tables say about them.

A list is read in its order until the page is full. This is slow if none of the first datasets match, for example while
an inspection has described only old ones: the database reads all the others before. So the first datasets of the list
are looked at. If few of them match, the database begins with the other table, and sorts all that match there.
"""

from dataclasses import replace
from functools import lru_cache
from typing import Any

from sqlalchemy import ColumnElement, CompoundSelect, Select, func, inspect, select, union_all

from app.database import pages
from app.database.filters import MANY, FilterKey, conditions, index_key, matches, parametrise
from app.database.pages import Order, Page, Where
from app.database.statements import fetch
from app.models import Dataset, DatasetDescription, DatasetHealth
from app.models.dataset_search import is_one_of, lasts, overlaps
from app.models.datasets import DATASETS, EDGES
from app.services.dataset_search import read_rows
from app.services.search_documents import WHOLE

DESCRIPTION, HEALTH = DatasetDescription.__table__, DatasetHealth.__table__
BY_WORDS = {"q", *WHOLE}  # the database always begins with the index of words
BY_TABLES = ("bbox", "datetime", "healthy", "format")
PLACE = ("columns", "limit", "order_by", "sort", "offset", "cursor", "count")
SAMPLE = 2000  # datasets that are looked at
ENOUGH = 100  # of them, so that a page of N datasets is full after about 20 N


def read_page(*where: ColumnElement[bool], columns: tuple[str, ...], **query: Any) -> Page:
    """A page of datasets, like that of `app.database.pages`."""
    filters = {name: value for name, value in query.items() if name not in PLACE}
    if not filters.keys() & {*BY_WORDS, *BY_TABLES}:
        return pages.read_page(Dataset, *where, columns=columns, **query)
    first = _first(where, filters, query["order_by"], query["sort"] == "desc")
    found = pages.read_page(Dataset, *where, *first, columns=("id",), **query)
    # The other columns are read for the page only. SQLite would read them for all that match, to sort them.
    return replace(found, rows=read_rows(columns, [number for number, *_ in found.rows]))


def _first(where: Where, filters: dict[str, Any], order_by: str, descending: bool) -> Where:
    """The condition that lets the database begin with another table, if few of the first datasets match `filters`."""
    name = next((name for name in BY_TABLES if name in filters), None)
    if name is None or filters.keys() & BY_WORDS:
        return ()
    filter_key, values = parametrise(Dataset, filters)
    ((count,),) = fetch(_count_in_sample(where, filter_key, order_by, descending), values)
    if count >= ENOUGH:
        return ()
    alone, _ = parametrise(Dataset, {name: filters[name]})
    return (_found_by(alone),)


# Conditions and statements are built once, see `app.database.statements.fetch`.
@lru_cache(maxsize=16)
def _found_by(filter_key: FilterKey) -> ColumnElement[bool]:
    """The condition of the one filter of `filter_key` as a list of ids, which the database finds first."""
    ((name, form),) = filter_key.forms
    described = select(DESCRIPTION.c.dataset_id)
    found: Select[Any] | CompoundSelect[Any]
    match name:
        case "healthy":
            found = select(HEALTH.c.dataset_id).where(matches(HEALTH.c.healthy, name, form))
        case "bbox":
            found = described.where(overlaps([DESCRIPTION.c[edge] for edge in EDGES], name))
        case "datetime":
            found = described.where(lasts(DESCRIPTION.c.time_start, DESCRIPTION.c.time_end, name))
        case _:  # and those that are listed as another format, which the condition of the list leaves out
            listed = select(DATASETS.c.id).where(matches(index_key(DATASETS.c.dataset_type), name, MANY))
            found = union_all(described.where(matches(DESCRIPTION.c.engine, f"{name}_engines", MANY)), listed)
    return is_one_of(DATASETS.c.id, found)


@lru_cache(maxsize=64)
def _count_in_sample(where: Where, filter_key: FilterKey, order_by: str, descending: bool) -> Select[Any]:
    """Counts those of the first SAMPLE datasets that match. Of an order by another table, they are those by id."""
    every = DATASETS.alias()
    column = inspect(Dataset).columns[order_by]
    order = Order(every.c[column.name] if column.table is DATASETS else every.c.id, every.c.id, descending)
    sample = select(every.c.id).order_by(*order.sort_clauses(with_nulls=True)).limit(SAMPLE)
    matching = select(func.count()).select_from(inspect(Dataset).local_table)
    return matching.where(*where, *conditions(Dataset, filter_key), is_one_of(DATASETS.c.id, sample))
