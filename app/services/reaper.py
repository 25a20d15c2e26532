"""Ends stuck runs: those that are queued or in progress for longer than a limit.

A runner that crashes never reports the end of its run.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any

from sqlalchemy import CompoundSelect, Row, Select, bindparam, func, select, union_all

from app.database.filters import index_key
from app.database.statements import fetch
from app.extensions import db
from app.models import Bakery, Feedstock, RecipeRun, RecipeRunEvent
from app.models.recipe_runs import SYSTEM
from app.models.run_times import CLOCK_DIFFERENCE, EARLIEST
from app.services.run_sums import RunSelection

QUEUED_LIMIT = timedelta(days=14)
IN_PROGRESS_LIMIT = timedelta(days=7)  # for bakeries without `timeout_minutes`
BATCH = 500  # runs in a transaction
STUCK = timedelta(days=1)  # a run that has the same status for longer is stuck, if its limit is not shorter
FORECASTS_MAX = 50  # of each kind of unfinished runs
# What a forecast shows of a run. Rows cost a fraction of instances of the ORM.
SHOWN = ("id", "recipe_id", "is_test", "status", "conclusion", "started_at", "created_at", "feedstock_id", "bakery_id")
_SHOWN: Select[Any] = (
    select(*(getattr(RecipeRun, name) for name in SHOWN), Feedstock.spec, Bakery.name, Bakery.timeout_minutes)
    .join(Feedstock, Feedstock.id == RecipeRun.feedstock_id)
    .join(Bakery, Bakery.id == RecipeRun.bakery_id)
    .where(RecipeRun.id.in_(bindparam("ids", expanding=True)), RecipeRun.status != "completed")
    .order_by(RecipeRun.id)
)
_WENT_IN_PROGRESS = (
    select(RecipeRunEvent.recipe_run_id, func.max(RecipeRunEvent.at))
    .where(RecipeRunEvent.recipe_run_id.in_(bindparam("ids", expanding=True)))
    .where(RecipeRunEvent.after["status"].as_string() == "in_progress")
    .group_by(RecipeRunEvent.recipe_run_id)
)

Unfinished = RecipeRun | Row[Any]


@dataclass(frozen=True)
class Verdict:
    """The decision about an unfinished run: its `conclusion` and the reason. None: do not change it."""

    status: str
    conclusion: str | None
    reason: str = ""


@dataclass(frozen=True)
class Forecast:
    """What the reaper will do with an unfinished run that does not change: at `due` or later, it gets `conclusion`."""

    run: Row[Any]
    since: datetime
    due: datetime
    conclusion: str


def count_unfinished() -> int:
    return db.session.scalar(select(func.count()).where(RecipeRun.status != "completed")) or 0


def reap(at: datetime, queued_limit: timedelta, dry_run: bool) -> Iterator[list[Verdict]]:
    """End the stuck runs. Yield the verdicts on all unfinished runs, ordered by id, in batches.

    The caller commits each batch. A batch locks its runs and skips those that another transaction has locked, so
    several reapers can run at the same time.
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
        started, verdicts = _in_progress_since([run.id for run, _ in batch]), []
        for run, timeout_minutes in batch:
            since, limit = _term(run, timeout_minutes, started, at, queued_limit)
            verdict = judge(run, at - since, limit)
            if verdict.conclusion and not dry_run:
                run.change({"status": "completed", "conclusion": verdict.conclusion}, SYSTEM, verdict.reason)
            verdicts.append(verdict)
        last = batch[-1][0].id
        db.session.flush()
        yield verdicts


def _term(
    run: Unfinished, timeout_minutes: int | None, started: dict[int, datetime], at: datetime, queued_limit: timedelta
) -> tuple[datetime, timedelta]:
    """Return since when a run has its status, and how long it may have it."""
    limit = IN_PROGRESS_LIMIT if timeout_minutes is None else timedelta(minutes=timeout_minutes)
    since = started.get(run.id, run.started_at)
    if run.status == "queued":
        since, limit = run.created_at or run.started_at, queued_limit
    if since > at + CLOCK_DIFFERENCE:  # another program stored an impossible time, so the limit does not hold
        since = EARLIEST
    return since, limit


def forecasts(at: datetime, ids: list[int]) -> list[Forecast]:
    """Return what the reaper will do with those of the runs that are unfinished.

    They have the columns SHOWN, with the names of their bakeries and feedstocks.
    """
    found = fetch(_SHOWN, {"ids": ids}) if ids else []
    in_progress = [run.id for run in found if run.status == "in_progress"]
    started, known = _in_progress_since(in_progress) if in_progress else {}, []
    for run in found:
        since, limit = _term(run, run.timeout_minutes, started, at, QUEUED_LIMIT)
        conclusion = judge(run, limit + STUCK, limit).conclusion or ""
        known.append(Forecast(run, since, at if run.conclusion else since + limit, conclusion))
    return known


def stuck(at: datetime, selection: RunSelection) -> list[Forecast]:
    """Return the `forecasts` of the stuck runs of `selection`, if there are many the oldest ones.

    A run is stuck if it is past its limit, or STUCK.
    """
    oldest = fetch(_oldest_unfinished(selection, db.engine.dialect.name))
    found = forecasts(at, [id for (id,) in oldest])
    return [item for item in found if item.due <= at or item.since <= at - STUCK]


# Statements are built once, see `app.database.statements.fetch`.
@lru_cache(maxsize=64)
def _oldest_unfinished(selection: RunSelection, _dialect: str) -> CompoundSelect[Any]:
    """The statement for the ids of up to FORECASTS_MAX runs of each kind: queued since an unknown time, queued, and in
    progress.

    Each kind is read in the order of an index, so that it takes the same time for a million runs as for one.
    """
    where = selection.all_runs()
    stored, started = RecipeRun.created_at, RecipeRun.started_at
    queued = select(RecipeRun.id).where(RecipeRun.has_status("queued"), *where).order_by(stored, started)
    in_progress = select(RecipeRun.id).where(index_key(RecipeRun.__table__.c.status) == "in_progress", *where)
    kinds = queued.where(stored.is_(None)), queued.where(stored.is_not(None)), in_progress.order_by(RecipeRun.id)
    return union_all(*(select(kind.limit(FORECASTS_MAX).subquery()) for kind in kinds))


def judge(run: Unfinished, duration: timedelta, limit: timedelta) -> Verdict:
    """Decide about a run that has its status for `duration`.

    A run of the original may have a conclusion although it is not completed. It keeps that conclusion.
    """
    if run.conclusion is not None:
        return Verdict(run.status, run.conclusion, f"It was {run.status} although it had a conclusion.")
    if duration <= limit:
        return Verdict(run.status, None)
    conclusion = "stale" if run.status == "queued" else "timed_out"
    return Verdict(run.status, conclusion, f"It was {run.status} for more than {_in_words(limit)}.")


def _in_progress_since(run_ids: list[int]) -> dict[int, datetime]:
    """Return when each run went in progress, from its history. A run of the original has no history and is missing."""
    times: list[Any] = fetch(_WENT_IN_PROGRESS, {"ids": run_ids})
    return dict(times)


def _in_words(limit: timedelta) -> str:
    if limit % timedelta(days=1):
        return f"{limit // timedelta(minutes=1)} minutes"
    return f"{limit.days} day{'' if limit.days == 1 else 's'}"
