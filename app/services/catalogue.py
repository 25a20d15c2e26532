"""The catalogue: datasets, each with all its builds."""

from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Row, Select, bindparam, select
from werkzeug.exceptions import NotFound

from app.extensions import db
from app.models import Dataset, RecipeRun
from app.models.base import Record
from app.models.columns import INTEGER_MAX
from app.models.datasets import KEY
from app.services import pages, rows
from app.services.datasets import Kind
from app.services.pages import Page

SEARCHED = (Dataset.recipe_id, Dataset.feedstock, Dataset.url)


def page(kind: Kind, q: str = "", **query: Any) -> Page:
    """A page of the datasets of that kind that have `q`, in upper or lower case, in one of the `SEARCHED` members."""
    where = _of_kind(kind)
    if q:
        where.append(Dataset.id.in_(_found(q, where)))
    return pages.read(Dataset, *where, **query)


def production(limit: int | None = None, offset: int = 0) -> Sequence[Row[Any]]:
    """The datasets of production runs, by id, as rows of all their columns."""
    return db.session.execute(_production().order_by(Dataset.id).limit(limit).offset(offset)).all()


def get(dataset_id: int) -> Row[Any]:
    """The dataset of production runs with that id, as in `production`, or 404."""
    return _of_run(_production().where(Dataset.id == dataset_id), dataset_id)


def one(model: type[Record], names: tuple[str, ...], run_id: int) -> Row[Any]:
    """The row of the dataset that the run is a build of, or 404. This and `related` are for `app.routes.details`."""
    return _of_run(rows.selection(model, names).where(*_of_kind("all")), run_id)


def related(_model: type[Record], _member: str, names: tuple[str, ...], run_id: int) -> Iterator[Sequence[Row[Any]]]:
    """The rows of all builds of the dataset that the run is a build of, the newest first, a batch at a time."""
    builds = rows.selection(RecipeRun, (*names, "id")).where(RecipeRun.published(), *_alike(RecipeRun, run_id))
    older = builds.where(RecipeRun.id < bindparam("last")).order_by(RecipeRun.id.desc()).limit(bindparam("limit"))
    return rows.batches(older, INTEGER_MAX + 1)


def _of_run(datasets: Select[Any], run_id: int) -> Row[Any]:
    row = db.session.execute(datasets.where(*_alike(Dataset, run_id))).first()
    if row is None:  # it is not among `datasets`, or the run has gone since its key was read
        raise _not_found(run_id)
    return row


def _alike(model: type[Record], run_id: int) -> list[ColumnElement[bool]]:
    """That rows of `model` are of the dataset that the run is a build of; 404 if it is of none."""
    key = select(*(getattr(RecipeRun, name) for name in KEY)).where(RecipeRun.published(), RecipeRun.id == run_id)
    values = db.session.execute(key).first() if 0 < run_id <= INTEGER_MAX else None
    if values is None:
        raise _not_found(run_id)
    return [getattr(model, name) == value for name, value in zip(KEY, values, strict=True)]


def _not_found(run_id: int) -> NotFound:
    return NotFound(f"{Dataset.noun} {run_id} not found")


def _production() -> Select[Any]:
    return select(Dataset.__table__).where(*_of_kind("production"))


def _of_kind(kind: Kind) -> list[ColumnElement[bool]]:
    """What datasets of that kind meet; one whose newest build has an empty url is nowhere, and is left out."""
    return [Dataset.url != "", *([] if kind == "all" else [Dataset.is_test == (kind == "test")])]


def _found(q: str, where: list[ColumnElement[bool]]) -> list[int]:
    """The ids of the datasets that have `q`. The databases do not agree on what is upper and lower case of what."""
    searched = db.session.execute(select(Dataset.id, *SEARCHED).where(*where))
    return [number for number, *texts in searched if any(q.casefold() in text.casefold() for text in texts)]
