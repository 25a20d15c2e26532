"""The explanation of failures that other programs or earlier releases have stored."""

from collections import Counter
from collections.abc import Iterator

from sqlalchemy import Boolean, ColumnElement, func, literal_column, or_, select

from app.extensions import db
from app.models import RecipeRun, RunLog
from app.models.failures import FAILING
from app.models.recipe_runs import UNEXPLAINED

BATCH = 200  # runs in a transaction


def count_to_explain(everything: bool) -> int:
    """Return how many runs `explain` will read."""
    return db.session.scalar(select(func.count()).select_from(RecipeRun).where(_to_explain(everything))) or 0


def explain(everything: bool) -> Iterator[Counter[str]]:
    """Explain the failed runs that have no class, or all of them. Yield the number of runs by class, in batches.

    The caller commits each batch. A batch locks its runs and skips those that another transaction has locked.
    """
    last = 0
    while True:
        of_batch = select(RecipeRun).where(_to_explain(everything), RecipeRun.id > last)
        locked = of_batch.order_by(RecipeRun.id).limit(BATCH).with_for_update(skip_locked=True)
        runs = db.session.scalars(locked).all()
        if not runs:
            return
        in_batch = RunLog.recipe_run_id.in_([run.id for run in runs])
        logged = set(db.session.scalars(select(RunLog.recipe_run_id).where(in_batch)))
        for run in runs:
            run.explain(has_log=run.id in logged)
        last = runs[-1].id
        db.session.flush()
        yield Counter(run.failure_class or "not failed" for run in runs)
        db.session.expunge_all()


def _to_explain(everything: bool) -> ColumnElement[bool]:
    """The condition for runs to explain. With everything, also runs that have succeeded after all."""
    if everything:
        return or_(RecipeRun.conclusion.in_(FAILING), RecipeRun.failure_class.is_not(None))
    return literal_column(UNEXPLAINED, Boolean)
