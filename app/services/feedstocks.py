"""The finished runs of one feedstock or of all, and their results."""

from sqlalchemy import Select, func, select
from sqlalchemy.orm import joinedload

from app.database.columns import now
from app.extensions import db
from app.models import Feedstock, RecipeRun
from app.models.recipe_runs import FAILURES


def finished(feedstock: Feedstock, limit: int) -> list[RecipeRun]:
    """Return the `limit` runs that ended last, newest first, with their bakeries and feedstocks; none of the future."""
    ended = func.coalesce(RecipeRun.completed_at, RecipeRun.started_at)
    runs = select(RecipeRun).where(
        RecipeRun.feedstock_id == feedstock.id, RecipeRun.status == "completed", ended <= now()
    )
    newest = runs.order_by(ended.desc(), RecipeRun.id.desc()).limit(limit)
    return _with_parents(newest)


def newest(limit: int) -> list[RecipeRun]:
    """Return the `limit` runs of all feedstocks that ended last, newest first, with their bakeries and feedstocks.

    Runs without an end time are omitted: the index by end time makes this fast for any number of runs.
    """
    ended = select(RecipeRun).where(RecipeRun.completed_at <= now(), RecipeRun.status == "completed")
    return _with_parents(ended.order_by(RecipeRun.completed_at.desc(), RecipeRun.id.desc()).limit(limit))


def _with_parents(runs: Select[tuple[RecipeRun]]) -> list[RecipeRun]:
    return list(db.session.scalars(runs.options(joinedload(RecipeRun.bakery), joinedload(RecipeRun.feedstock))))


def passing(feedstock: Feedstock) -> bool | None:
    """Whether the newest production run that succeeded, failed or timed out is a success; None if there is none.

    Other conclusions, such as `cancelled`, do not say anything about the recipe.
    """
    decided = select(RecipeRun.conclusion).where(
        RecipeRun.feedstock_id == feedstock.id,
        RecipeRun.is_test.is_(False),
        RecipeRun.conclusion.in_(("success", *FAILURES)),
    )
    conclusion = db.session.scalar(decided.order_by(RecipeRun.id.desc()).limit(1))
    return None if conclusion is None else conclusion == "success"
