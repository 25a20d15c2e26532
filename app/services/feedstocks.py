"""How the runs of a feedstock have ended."""

from sqlalchemy import func, select
from sqlalchemy.orm import joinedload

from app.extensions import db
from app.models import Feedstock, RecipeRun
from app.models.recipe_runs import FAILURES


def finished(feedstock: Feedstock, limit: int) -> list[RecipeRun]:
    """The runs that have ended last, with their bakeries."""
    ended = func.coalesce(RecipeRun.completed_at, RecipeRun.started_at)
    runs = select(RecipeRun).where(RecipeRun.feedstock_id == feedstock.id, RecipeRun.status == "completed")
    newest = runs.order_by(ended.desc(), RecipeRun.id.desc()).limit(limit)
    return list(db.session.scalars(newest.options(joinedload(RecipeRun.bakery))))


def passing(feedstock: Feedstock) -> bool | None:
    """Whether the newest production run that was judged is a success; None if there is none.

    Runs that were cancelled, skipped and so on say nothing about the recipe.
    """
    judged = select(RecipeRun.conclusion).where(
        RecipeRun.feedstock_id == feedstock.id,
        RecipeRun.is_test.is_(False),
        RecipeRun.conclusion.in_(("success", *FAILURES)),
    )
    conclusion = db.session.scalar(judged.order_by(RecipeRun.id.desc()).limit(1))
    return None if conclusion is None else conclusion == "success"
