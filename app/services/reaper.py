"""Ends the runs that nobody will: those queued, or in progress, for longer than anything takes."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import func, select

from app.extensions import db
from app.models import Bakery, RecipeRun, RecipeRunEvent
from app.models.recipe_runs import SYSTEM

QUEUED_LIMIT = timedelta(days=14)
IN_PROGRESS_LIMIT = timedelta(days=7)  # where the bakery has none of its own
BATCH = 500


@dataclass(frozen=True)
class Verdict:
    """What becomes of an unfinished run: its `conclusion` and why; or None, and it is left alone."""

    status: str
    conclusion: str | None
    reason: str = ""


def count_unfinished() -> int:
    return db.session.scalar(select(func.count()).where(RecipeRun.status != "completed")) or 0


def reap(at: datetime, queued_limit: timedelta, dry_run: bool) -> Iterator[list[Verdict]]:
    """Judge all unfinished runs by id, and end those that are due, in batches for the caller to commit.

    Each batch locks its runs and passes over those that another transaction has locked, so that any number may work
    side by side; what was committed is not looked at again.
    """
    last = 0
    unfinished = select(RecipeRun, Bakery.timeout_minutes).join(Bakery).where(RecipeRun.status != "completed")
    while True:
        statement = unfinished.where(RecipeRun.id > last).order_by(RecipeRun.id).limit(BATCH)
        if not dry_run:
            statement = statement.with_for_update(of=RecipeRun, skip_locked=True)
        batch = db.session.execute(statement).all()
        if not batch:
            return
        begun, verdicts = _in_progress_since([run.id for run, _ in batch]), []
        for run, timeout_minutes in batch:
            limit = IN_PROGRESS_LIMIT if timeout_minutes is None else timedelta(minutes=timeout_minutes)
            since = begun.get(run.id, run.started_at)
            if run.status == "queued":
                since, limit = run.created_at or run.started_at, queued_limit
            verdict = judge(run, at - since, limit)
            if verdict.conclusion and not dry_run:
                run.change({"status": "completed", "conclusion": verdict.conclusion}, SYSTEM, verdict.reason)
            verdicts.append(verdict)
        last = batch[-1][0].id
        db.session.flush()
        yield verdicts


def judge(run: RecipeRun, duration: timedelta, limit: timedelta) -> Verdict:
    """What is due to `run` after so long in its status. One that has a conclusion already, as the original allowed,
    keeps it.
    """
    if run.conclusion is not None:
        return Verdict(run.status, run.conclusion, f"It was {run.status} although it had a conclusion.")
    if duration <= limit:
        return Verdict(run.status, None)
    conclusion = "stale" if run.status == "queued" else "timed_out"
    return Verdict(run.status, conclusion, f"It was {run.status} for more than {_in_words(limit)}.")


def _in_progress_since(run_ids: list[int]) -> dict[int, datetime]:
    """When runs began, by their history; those older than it are not there."""
    began = RecipeRunEvent.after["status"].as_string() == "in_progress"
    times = select(RecipeRunEvent.recipe_run_id, func.max(RecipeRunEvent.at)).where(
        RecipeRunEvent.recipe_run_id.in_(run_ids), began
    )
    return dict(db.session.execute(times.group_by(RecipeRunEvent.recipe_run_id)).all())


def _in_words(limit: timedelta) -> str:
    if limit % timedelta(days=1):
        return f"{limit // timedelta(minutes=1)} minutes"
    return f"{limit.days} day{'' if limit.days == 1 else 's'}"
