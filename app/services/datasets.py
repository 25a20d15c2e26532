"""The datasets that runs have published."""

from collections.abc import Sequence
from typing import Any, Literal

from sqlalchemy import Row, select

from app.extensions import db
from app.models import RecipeRun
from app.services.filters import conditions
from app.services.rows import selection

Kind = Literal["all", "production", "test"]


def of_feedstock(feedstock_id: int, columns: tuple[str, ...], kind: Kind) -> Sequence[Row[Any]]:
    """The runs of a feedstock that have a published dataset, by id."""
    statement = selection(RecipeRun, columns).where(RecipeRun.feedstock_id == feedstock_id, RecipeRun.published())
    if kind != "all":
        statement = statement.where(RecipeRun.is_test == (kind == "test"))
    return db.session.execute(statement.order_by(RecipeRun.id)).all()


def is_published(url: str) -> bool:
    """Whether a run has published a dataset at exactly this url."""
    at_url = conditions(RecipeRun, {"dataset_public_url": [url]})
    return db.session.scalar(select(RecipeRun.id).where(*at_url, RecipeRun.published()).limit(1)) is not None
