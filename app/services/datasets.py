"""Datasets: what runs have published, each with all its builds."""

from collections.abc import Iterator, Sequence
from functools import cache
from typing import Any, Literal

from sqlalchemy import ColumnElement, Connection, Row, Select, bindparam, inspect, select
from sqlalchemy.orm import Mapper
from werkzeug.exceptions import NotFound

from app.database import pages, rows
from app.database.columns import INTEGER_MAX
from app.database.filters import conditions, parametrise
from app.database.pages import Page
from app.database.record import Record
from app.database.statements import Rows, fetch
from app.extensions import db
from app.models import Dataset, RecipeRun
from app.models.datasets import KEY

Kind = Literal["all", "production", "test"]

SEARCHED = (Dataset.recipe_id, Dataset.feedstock, Dataset.url)


def page(kind: Kind, q: str = "", **query: Any) -> Page:
    """A page of the datasets of that kind that have `q`, in upper or lower case, in one of the `SEARCHED` members."""
    where = _of_kind(kind)
    if q:
        found = _found(q, where)
        query["id"] = sorted(found & set(query.get("id", found)))
    return pages.read(Dataset, *where, **query)


def production(limit: int | None = None, offset: int = 0) -> Sequence[Row[Any]]:
    """The datasets of production runs, by id, as rows of all their columns."""
    return db.session.execute(_production().order_by(Dataset.id).limit(limit).offset(offset)).all()


def get(dataset_id: int) -> Row[Any]:
    """The dataset of production runs with that id, as in `production`, or 404."""
    alike = _production().where(Dataset.id == dataset_id, *_alike(Dataset))
    row = db.session.execute(alike, _key(dataset_id)).first()
    if row is None:  # it is of test runs, or has gone since its key was read
        raise _not_found(dataset_id)
    return row


def one(model: type[Record], names: tuple[str, ...], run_id: int, connection: Connection | None = None) -> Row[Any]:
    """The row of the dataset that the run is a build of, or 404. This and `related` are for `app.web.documents`."""
    for row in fetch(_dataset(inspect(model), names), _key(run_id, connection), connection):
        return row
    raise _not_found(run_id)


def related(
    _model: type[Record], _member: str, names: tuple[str, ...], run_id: int, connection: Connection | None = None
) -> Iterator[Rows]:
    """The rows of all builds of the dataset that the run is a build of, the newest first, a batch at a time."""
    return rows.batches(_builds(names), INTEGER_MAX + 1, connection, **_key(run_id, connection))


@cache
def _dataset(mapper: Mapper[Any], names: tuple[str, ...]) -> Select[Any]:
    return rows.selection(mapper.class_, names).where(*_of_kind("all"), *_alike(mapper.class_))


@cache
def _builds(names: tuple[str, ...]) -> Select[Any]:
    builds = rows.selection(RecipeRun, (*names, "id")).where(RecipeRun.published(), *_alike(RecipeRun))
    return builds.where(RecipeRun.id < bindparam("last")).order_by(RecipeRun.id.desc()).limit(bindparam("limit"))


def _alike(model: type[Record]) -> list[ColumnElement[bool]]:
    """That rows of `model` are of the dataset with the key that is given."""
    own, nullable = inspect(model).columns, inspect(RecipeRun).columns
    return [
        own[name].is_not_distinct_from(bindparam(name)) if nullable[name].nullable else own[name] == bindparam(name)
        for name in KEY
    ]


def _key(run_id: int, connection: Connection | None = None) -> dict[str, Any]:
    """The key of the dataset that the run is a build of; 404 if it is of none."""
    found = fetch(_key_of_run(), {"id": run_id}, connection) if 0 < run_id <= INTEGER_MAX else []
    for values in found:
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
    """What datasets of that kind meet; one whose newest build has an empty url is nowhere, and is left out."""
    return Dataset.url != "", *([] if kind == "all" else [Dataset.is_test == (kind == "test")])


def _found(q: str, where: tuple[ColumnElement[bool], ...]) -> set[int]:
    """The ids of the datasets that have `q`. The databases do not agree on what is upper and lower case of what."""
    searched = db.session.execute(select(Dataset.id, *SEARCHED).where(*where))
    return {number for number, *texts in searched if any(q.casefold() in text.casefold() for text in texts)}


def of_feedstock(feedstock_id: int, columns: tuple[str, ...], kind: Kind) -> Rows:
    """The runs of a feedstock that have a published dataset, by id."""
    return fetch(_of_feedstock(columns, kind), {"feedstock_id": feedstock_id})


@cache
def _of_feedstock(columns: tuple[str, ...], kind: Kind) -> Select[Any]:
    its = RecipeRun.feedstock_id == bindparam("feedstock_id")
    statement = rows.selection(RecipeRun, columns).where(its, RecipeRun.published()).order_by(RecipeRun.id)
    return statement if kind == "all" else statement.where(RecipeRun.is_test == (kind == "test"))


def is_published(url: str) -> bool:
    """Whether a run has published a dataset at exactly this url."""
    filter_key, values = parametrise(RecipeRun, {"dataset_public_url": [url]})
    at_url = select(RecipeRun.id).where(*conditions(RecipeRun, filter_key), RecipeRun.published())
    return db.session.scalar(at_url.limit(1), values) is not None
