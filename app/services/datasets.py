"""The datasets that runs have published."""

from typing import Literal

from sqlalchemy import select

from app.extensions import db
from app.models import Feedstock, RecipeRun

Kind = Literal["all", "production", "test"]


def of_feedstock(feedstock: Feedstock, kind: Kind) -> list[RecipeRun]:
    """The feedstock's runs with a published dataset, by id."""
    statement = select(RecipeRun).where(RecipeRun.feedstock_id == feedstock.id, RecipeRun.published())
    if kind != "all":
        statement = statement.where(RecipeRun.is_test == (kind == "test"))
    return list(db.session.scalars(statement.order_by(RecipeRun.id)))
