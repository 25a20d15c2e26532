"""Datasets: their lists and their builds."""

from collections.abc import Iterator
from functools import cache, lru_cache
from typing import Any

from sqlalchemy import Connection, Row, Select, bindparam, func, inspect, select
from werkzeug.exceptions import NotFound

from app.database import rows
from app.database.columns import INTEGER_MAX
from app.database.filters import FilterKey, conditions, parametrise
from app.database.indexes import unindexed
from app.database.pages import Page
from app.database.record import Record
from app.database.statements import Rows, fetch
from app.extensions import db
from app.models import Dataset, RecipeRun
from app.models.dataset_search import BY_RANK
from app.models.datasets import DATASETS, KEY
from app.services import dataset_filters, dataset_search, search_documents, search_queries

# Another program may store a run with an empty url. It is one object, because it is a key of cached statements.
LISTED = (Dataset.url != "", Dataset.merged_into.is_(None))


def page(q: str = "", **query: Any) -> Page:
    """Return a page of datasets, with `q` only of those that it finds (`app.services.dataset_search`)."""
    tokens = {name: search_documents.whole(name, query[name]) for name in search_documents.WHOLE if name in query}
    query |= tokens
    if q or tokens:
        search_documents.refresh()
    if query["order_by"] == BY_RANK:
        descending = query.pop("sort") == "desc"
        del query["order_by"]
        return dataset_search.read_page(q, *LISTED, descending=descending, **query)
    if q:
        query["q"] = search_queries.conditions_of(q, db.engine.dialect.name)
    return dataset_filters.read_page(*LISTED, **query)


def resolve(number: int, connection: Connection | None = None, *, of_runs: bool = True) -> int:
    """Return the id of the dataset that has this id, or had it before a merge. With `of_runs`, the id of a run leads
    to the dataset that it has built. Raises 404 if there is none.
    """
    return int(_find(number, connection, of_runs).id)


def _find(number: int, connection: Connection | None, of_runs: bool = True) -> Row[Any]:
    """Return the id and the key of the dataset that `resolve` finds. Raises 404."""
    if 0 < number <= INTEGER_MAX:
        for statement in (_BY_ID, _BY_RUN) if of_runs else (_BY_ID,):
            for row in fetch(statement, {"id": number}, connection):
                return row
    raise _not_found(number)


# Statements are built once, see `app.database.statements.fetch`.
_merged = DATASETS.alias()
_found = select(DATASETS.c.id, *(DATASETS.c[name] for name in KEY)).where(
    DATASETS.c.url != ""  # another program may store a run with an empty url
)
_BY_ID = _found.join(_merged, DATASETS.c.id == func.coalesce(_merged.c.merged_into, _merged.c.id)).where(
    _merged.c.id == bindparam("id")
)
_BY_RUN = _found.where(
    RecipeRun.id == bindparam("id"),
    RecipeRun.published(),
    DATASETS.c.merged_into.is_(None),
    *(getattr(RecipeRun, name).is_not_distinct_from(DATASETS.c[name]) for name in KEY),
)


def one(model: type[Record], names: tuple[str, ...], number: int, connection: Connection | None = None) -> Row[Any]:
    """Return the row of the dataset that `resolve` finds. Raises 404. Part of a `Source` of `app.web.documents`."""
    return rows.one(model, names, resolve(number, connection), connection)


def related(
    _model: type[Record], _member: str, names: tuple[str, ...], number: int, connection: Connection | None = None
) -> Iterator[Rows]:
    """Yield the builds of the dataset that `resolve` finds, newest first, in batches. Part of a `Source`."""
    found = _find(number, connection)
    key = {name: getattr(found, name) for name in KEY}
    return rows.batches(_builds(names), INTEGER_MAX + 1, connection, **key)


@cache
def _builds(names: tuple[str, ...]) -> Select[Any]:
    columns = inspect(RecipeRun).columns
    of_key = [
        columns[name].is_not_distinct_from(bindparam(name))
        if columns[name].nullable
        else columns[name] == bindparam(name)
        for name in KEY
    ]
    builds = rows.selection(RecipeRun, (*names, "id")).where(RecipeRun.published(), *of_key)
    return builds.where(RecipeRun.id < bindparam("last")).order_by(RecipeRun.id.desc()).limit(bindparam("limit"))


def _not_found(number: int) -> NotFound:
    return NotFound(f"{Dataset.noun} {number} not found")


def of_feedstock(
    feedstock_id: int, names: tuple[str, ...], filters: dict[str, Any], connection: Connection | None = None
) -> Iterator[Rows]:
    """Yield the runs of a feedstock that have published a dataset and match `filters`, ordered by id, in batches."""
    filter_key, values = parametrise(RecipeRun, filters | {"feedstock_id": [feedstock_id]})
    return rows.batches(_of_feedstock(names, filter_key), 0, connection, **values)


@lru_cache(maxsize=64)
def _of_feedstock(names: tuple[str, ...], filter_key: FilterKey) -> Select[Any]:
    # As RecipeRun.published(), but without the index of the status, which SQLite would use.
    completed, successful = unindexed(RecipeRun.status) == "completed", unindexed(RecipeRun.conclusion) == "success"
    published = completed, successful, RecipeRun.dataset_public_url.is_not(None)
    builds = rows.selection(RecipeRun, (*names, "id")).where(*conditions(RecipeRun, filter_key), *published)
    return builds.where(RecipeRun.id > bindparam("last")).order_by(RecipeRun.id).limit(bindparam("limit"))


def is_published(url: str) -> bool:
    """Whether a run has published a dataset at exactly this url, or a dataset links to it."""
    filter_key, values = parametrise(RecipeRun, {"dataset_public_url": [url]})
    at_url = select(RecipeRun.id).where(*conditions(RecipeRun, filter_key), RecipeRun.published())
    filter_key, of_link = parametrise(Dataset, {"url": [url]})
    linked = select(DATASETS.c.id).where(*conditions(Dataset, filter_key), DATASETS.c.withdrawn_at.is_(None))
    return any(db.session.scalar(found.limit(1), values | of_link) is not None for found in (at_url, linked))
