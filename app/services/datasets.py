"""Datasets: queries over the runs that have published them."""

from collections.abc import Iterator, Sequence
from functools import cache, lru_cache
from typing import Any, Literal

from sqlalchemy import ColumnElement, Connection, Row, Select, bindparam, inspect, select
from sqlalchemy.orm import Mapper
from werkzeug.exceptions import NotFound

from app.database import pages, rows
from app.database.columns import INTEGER_MAX
from app.database.filters import FilterKey, conditions, parametrise
from app.database.indexes import unindexed
from app.database.names import searchable
from app.database.pages import Page
from app.database.record import Record
from app.database.statements import Rows, fetch
from app.extensions import db
from app.models import Dataset, RecipeRun
from app.models.datasets import KEY

Kind = Literal["all", "production", "test"]

SEARCHED = (Dataset.recipe_id, Dataset.feedstock, Dataset.url)


def page(q: str = "", **query: Any) -> Page:
    """Return a page of the datasets in which one of the `SEARCHED` columns contains `q`, ignoring case."""
    where = _of_kind("all")
    if q:
        ids = _matching_ids(q, where)
        query["id"] = sorted(ids & set(query.get("id", ids)))
    return pages.read_page(Dataset, *where, **query)


def production(limit: int | None = None, offset: int = 0) -> Sequence[Row[Any]]:
    """Return the datasets of production runs, ordered by id, as rows of all their columns."""
    return db.session.execute(_production().order_by(Dataset.id).limit(limit).offset(offset)).all()


def get(dataset_id: int) -> Row[Any]:
    """Return the dataset of production runs with that id, as a row like those of `production`. Raises 404."""
    statement = _production().where(Dataset.id == dataset_id, *_has_key(Dataset))
    row = db.session.execute(statement, _key(dataset_id)).first()
    if row is None:  # it is a dataset of test runs, or its run was deleted since its key was read
        raise _not_found(dataset_id)
    return row


def one(model: type[Record], names: tuple[str, ...], run_id: int, connection: Connection | None = None) -> Row[Any]:
    """Return the row of the dataset that the run has built. Raises 404. Part of a `Source` of `app.web.documents`."""
    for row in fetch(_dataset(inspect(model), names), _key(run_id, connection), connection):
        return row
    raise _not_found(run_id)


def related(
    _model: type[Record], _member: str, names: tuple[str, ...], run_id: int, connection: Connection | None = None
) -> Iterator[Rows]:
    """Yield the builds of the dataset that the run has built, newest first, in batches. Part of a `Source`."""
    return rows.batches(_builds(names), INTEGER_MAX + 1, connection, **_key(run_id, connection))


@cache
def _dataset(mapper: Mapper[Any], names: tuple[str, ...]) -> Select[Any]:
    return rows.selection(mapper.class_, names).where(*_of_kind("all"), *_has_key(mapper.class_))


@cache
def _builds(names: tuple[str, ...]) -> Select[Any]:
    builds = rows.selection(RecipeRun, (*names, "id")).where(RecipeRun.published(), *_has_key(RecipeRun))
    return builds.where(RecipeRun.id < bindparam("last")).order_by(RecipeRun.id.desc()).limit(bindparam("limit"))


def _has_key(model: type[Record]) -> list[ColumnElement[bool]]:
    """Return the conditions for rows of `model` with the KEY of a dataset, whose values are parameters."""
    columns, run_columns = inspect(model).columns, inspect(RecipeRun).columns
    return [
        columns[name].is_not_distinct_from(bindparam(name))
        if run_columns[name].nullable
        else columns[name] == bindparam(name)
        for name in KEY
    ]


def _key(run_id: int, connection: Connection | None = None) -> dict[str, Any]:
    """Return the key of the dataset that the run has built. Raises 404 if it has not published one."""
    keys = fetch(_key_of_run(), {"id": run_id}, connection) if 0 < run_id <= INTEGER_MAX else []
    for values in keys:
        return dict(zip(KEY, values, strict=True))
    raise _not_found(run_id)


@cache
def _key_of_run() -> Select[Any]:
    key = (getattr(RecipeRun, name) for name in KEY)
    return select(*key).where(RecipeRun.published(), RecipeRun.id == bindparam("id"))


def _not_found(run_id: int) -> NotFound:
    return NotFound(f"{Dataset.noun} {run_id} not found")


def _production() -> Select[Any]:
    return select(Dataset.__table__).where(*_of_kind("production"))


@cache
def _of_kind(kind: Kind) -> tuple[ColumnElement[bool], ...]:
    """Return the conditions for datasets of that kind. They exclude a dataset whose newest build has an empty url."""
    return Dataset.url != "", *([] if kind == "all" else [Dataset.is_test == (kind == "test")])


def _matching_ids(q: str, where: tuple[ColumnElement[bool], ...]) -> set[int]:
    """Return the ids of the datasets that contain `q`. Python compares, because the databases fold case differently."""
    datasets = db.session.execute(select(Dataset.id, *SEARCHED).where(*where))
    return {id for id, *texts in datasets if any(searchable(q) in searchable(text) for text in texts)}


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
    """Whether a run has published a dataset at exactly this url."""
    filter_key, values = parametrise(RecipeRun, {"dataset_public_url": [url]})
    at_url = select(RecipeRun.id).where(*conditions(RecipeRun, filter_key), RecipeRun.published())
    return db.session.scalar(at_url.limit(1), values) is not None
