"""Counts of records, and statistics of the runs: results, durations and the queue."""

from collections.abc import Iterable
from dataclasses import asdict
from datetime import datetime, timedelta
from functools import cache, lru_cache
from itertools import groupby
from typing import Any

from sqlalchemy import Row, Select, func, inspect, literal, select, union_all
from sqlalchemy.orm import Mapper

from app.database.columns import now
from app.database.record import Record
from app.database.statements import fetch
from app.models import RecipeRun, RunsOfPeriod, run_counts
from app.models.recipe_runs import CONCLUSIONS, FAILURES, STATUSES
from app.models.run_counts import total
from app.models.run_periods import MONDAY, WEEK
from app.models.run_sums import PARENTS
from app.models.run_times import EARLIEST
from app.services.run_durations import histogram, summary
from app.services.run_sums import RunSelection

# RecipeRun.published() as filters.
PUBLISHED = {"status": ["completed"], "conclusion": ["success"], "has_dataset": True}


def overview(since: datetime | None = None, until: datetime | None = None, **filters: list[Any]) -> dict[str, Any]:
    """Return the statistics of the runs that started at `since` or later, before `until`, and match `filters`.

    `filters` are columns with the values to match.
    """
    selection = RunSelection(since, until, filters)
    return counts(selection) | {"duration": asdict(summary(histogram(selection)))}


def counts(selection: RunSelection) -> dict[str, Any]:
    """Return the statistics of the runs of `selection`, without their durations."""
    groups = fetch(_groups(selection))
    conclusions = _tally(CONCLUSIONS, ((group.conclusion, group.runs) for group in groups))
    return {
        "runs": sum(group.runs for group in groups),
        "by_status": _tally(STATUSES, ((group.status, group.runs) for group in groups)),
        "by_conclusion": conclusions,
        "success_rate": _success_rate(conclusions),
        "queue": _queue(groups, selection),
        "weeks": _weeks(groups),
    }


# Statements are built once, see `app.database.statements.fetch`.
@lru_cache(maxsize=64)
def _groups(selection: RunSelection) -> Select[Any]:
    """The statement for the number of runs by week, status and conclusion, ordered by week."""
    week = (RunsOfPeriod.period * RunsOfPeriod.days // WEEK).label("week")
    columns: list[Any] = [week, RunsOfPeriod.status, RunsOfPeriod.conclusion, RunsOfPeriod.runs]
    parts = [select(*columns).where(*where) for where in selection.sums(RunsOfPeriod)]
    kind: list[Any] = [RecipeRun.status, RecipeRun.conclusion]
    for number, where in selection.other_runs():
        parts.append(select(*[literal(number), *kind, func.count()]).where(*where).group_by(*kind))
    found = union_all(*parts).subquery()
    by = found.c.week, found.c.status, found.c.conclusion
    runs = total(found.c.runs).label("runs")
    return select(*by, runs).group_by(*by).having(runs > 0).order_by(found.c.week)


def _tally(names: Iterable[str], numbers: Iterable[tuple[str | None, int]]) -> dict[str, int]:
    """Return the sums by name, with 0 for `names` without a number. Numbers without a name are ignored."""
    sums = dict.fromkeys(names, 0)
    for name, number in numbers:
        if name is not None:
            sums[name] = sums.get(name, 0) + number
    return sums


def _success_rate(conclusions: dict[str, int]) -> float | None:
    successes = conclusions["success"]
    judged = successes + sum(conclusions[name] for name in FAILURES)
    return successes / judged if judged else None


def _queue(groups: list[Row[Any]], selection: RunSelection) -> dict[str, Any]:
    runs = sum(group.runs for group in groups if group.status == "queued")
    ((oldest,),) = fetch(_oldest_queued(selection)) if runs else ((None,),)
    age = (now() - oldest) // timedelta(minutes=1) if oldest else None
    return {"runs": runs, "oldest": oldest, "age": age}


@lru_cache(maxsize=64)
def _oldest_queued(selection: RunSelection) -> Select[Any]:
    """The statement for when the oldest queued run was stored, or when it started if that is unknown."""
    queued = RecipeRun.has_status("queued"), *selection.all_runs(indexed=PARENTS)
    stored, started = RecipeRun.created_at, RecipeRun.started_at
    # Both in the order of the partial indexes, so that PostgreSQL uses no other.
    known = select(stored).where(*queued, stored.is_not(None)).order_by(stored, started).limit(1).subquery()
    unknown = select(started).where(*queued, stored.is_(None)).order_by(stored, started).limit(1).subquery()
    times = union_all(select(known), select(unknown)).subquery()
    return select(func.min(times.c[0]))


def _weeks(groups: list[Row[Any]]) -> list[dict[str, Any]]:
    """Return the number of runs and their conclusions for each week in which runs started, if it is a possible one."""
    weeks, first, last = [], EARLIEST.date(), now().date()
    for number, of_week in groupby(groups, key=lambda group: group.week):
        found, monday = list(of_week), MONDAY + timedelta(weeks=number)
        if not first <= monday <= last:
            continue
        conclusions = _tally(CONCLUSIONS, ((group.conclusion, group.runs) for group in found))
        runs = sum(group.runs for group in found)
        weeks.append({"week": monday.isoformat(), "runs": runs, "by_conclusion": conclusions})
    return weeks


def count(model: type[Record]) -> int:
    ((records,),) = fetch(_all(inspect(model)))
    return int(records)


@cache
def _all(mapper: Mapper[Any]) -> Select[Any]:
    return select(func.count()).select_from(mapper.local_table)


def count_runs() -> int:
    return run_counts.count({})


def count_datasets(exclude_test_runs: bool) -> int:
    """Count the runs with a dataset url, as the original does, or only the published ones of production runs."""
    filters: dict[str, Any] = PUBLISHED | {"is_test": [False]} if exclude_test_runs else {"has_dataset": True}
    return run_counts.count(filters)
