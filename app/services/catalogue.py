"""The catalogue: datasets, each with all its builds."""

from typing import Any

from sqlalchemy import ColumnElement, select
from werkzeug.exceptions import NotFound

from app.extensions import db
from app.models import Dataset, RecipeRun
from app.models.columns import INTEGER_MAX
from app.models.datasets import KEY
from app.services import pages
from app.services.datasets import Kind
from app.services.pages import Page

SEARCHED = (Dataset.recipe_id, Dataset.feedstock, Dataset.url)


def page(kind: Kind, q: str = "", **query: Any) -> Page:
    """A page of the datasets of that kind that have `q`, in upper or lower case, in one of the `SEARCHED` members."""
    where = _of_kind(kind)
    if q:
        where.append(Dataset.id.in_(_found(q, where)))
    return pages.read(Dataset, *where, **query)


def production(limit: int | None = None, offset: int = 0) -> list[Dataset]:
    """The datasets of production runs, by id."""
    statement = select(Dataset).where(*_of_kind("production")).order_by(Dataset.id)
    return list(db.session.scalars(statement.limit(limit).offset(offset)))


def get(run_id: int) -> Dataset:
    """The dataset that the run is a build of, or 404."""
    published = select(RecipeRun).where(RecipeRun.published(), RecipeRun.id == run_id)
    run = db.session.scalar(published) if 0 < run_id <= INTEGER_MAX else None
    if run is None:
        raise NotFound(f"{Dataset.noun} {run_id} not found")
    alike = [getattr(Dataset, name) == getattr(run, name) for name in KEY]
    return db.session.scalars(select(Dataset).where(*alike)).one()


def _of_kind(kind: Kind) -> list[ColumnElement[bool]]:
    return [] if kind == "all" else [Dataset.is_test == (kind == "test")]


def _found(q: str, where: list[ColumnElement[bool]]) -> list[int]:
    """The ids of the datasets that have `q`. The databases do not agree on what is upper and lower case of what."""
    rows = db.session.execute(select(Dataset.id, *SEARCHED).where(*where))
    return [number for number, *texts in rows if any(q.casefold() in text.casefold() for text in texts)]
