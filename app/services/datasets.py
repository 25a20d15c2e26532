"""The datasets that runs have published."""

from functools import cache
from typing import Any, Literal

from sqlalchemy import Select, bindparam, select

from app.extensions import db
from app.models import RecipeRun
from app.prepared import Rows, fetch
from app.services.filters import bind, conditions
from app.services.rows import selection

Kind = Literal["all", "production", "test"]


def of_feedstock(feedstock_id: int, columns: tuple[str, ...], kind: Kind) -> Rows:
    """The runs of a feedstock that have a published dataset, by id."""
    return fetch(_of_feedstock(columns, kind), {"feedstock_id": feedstock_id})


@cache
def _of_feedstock(columns: tuple[str, ...], kind: Kind) -> Select[Any]:
    its = RecipeRun.feedstock_id == bindparam("feedstock_id")
    statement = selection(RecipeRun, columns).where(its, RecipeRun.published()).order_by(RecipeRun.id)
    return statement if kind == "all" else statement.where(RecipeRun.is_test == (kind == "test"))


def is_published(url: str) -> bool:
    """Whether a run has published a dataset at exactly this url."""
    shape, values = bind({"dataset_public_url": [url]})
    at_url = select(RecipeRun.id).where(*conditions(RecipeRun, shape), RecipeRun.published())
    return db.session.scalar(at_url.limit(1), values) is not None
