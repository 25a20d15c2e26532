"""Counts of records, and statistics of the runs: results, durations and the queue."""

from collections import Counter
from collections.abc import Iterable
from datetime import datetime, timedelta
from functools import cache
from itertools import groupby
from typing import Any

from sqlalchemy import ColumnElement, Row, Select, case, func, inspect, select
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.orm import Mapper
from sqlalchemy.sql.functions import FunctionElement

from app.database.columns import now
from app.database.record import Record
from app.database.statements import fetch
from app.extensions import db
from app.models import RecipeRun, run_counts
from app.models.recipe_runs import CONCLUSIONS, FAILURES, STATUSES
from app.models.run_times import EARLIEST

# Conclusions whose durations count. A run that was cancelled or timed out lasted until somebody or the reaper ended it.
TIMED = ("success", "failure")
# RecipeRun.published() as filters.
PUBLISHED = {"status": ["completed"], "conclusion": ["success"], "has_dataset": True}


class week(FunctionElement[str]):  # noqa: N801  # reads as the SQL function it is
    """The Monday of the week of a time."""

    inherit_cache = True


class seconds(FunctionElement[int]):  # noqa: N801  # reads as the SQL function it is
    """The whole seconds from the first time to the second, which must not be earlier."""

    inherit_cache = True


@compiles(week, "postgresql")
def _week_postgresql(element: week, compiler: Any, **options: Any) -> str:
    return f"date_trunc('week', {compiler.process(element.clauses, **options)})::date"


@compiles(week, "sqlite")
def _week_sqlite(element: week, compiler: Any, **options: Any) -> str:
    return f"date({compiler.process(element.clauses, **options)}, '-6 days', 'weekday 1')"


@compiles(seconds, "postgresql")
def _seconds_postgresql(element: seconds, compiler: Any, **options: Any) -> str:
    begin, end = (compiler.process(clause, **options) for clause in element.clauses)
    # Truncated first, because date_part returns a double, which is not exact to the microsecond for long durations.
    return f"date_part('epoch', date_trunc('second', {end} - {begin}))::bigint"


@compiles(seconds, "sqlite")
def _seconds_sqlite(element: seconds, compiler: Any, **options: Any) -> str:
    # SQLite stores times as text and its functions keep only milliseconds. So subtract the whole seconds, which are the
    # first 19 characters, and compare the rest as text.
    begin, end = (compiler.process(clause, **options) for clause in element.clauses)
    return (
        f"strftime('%s', substr({end}, 1, 19)) - strftime('%s', substr({begin}, 1, 19))"
        f" - (substr({end}, 20) < substr({begin}, 20))"
    )


def overview(since: datetime | None = None, until: datetime | None = None, **filters: list[Any]) -> dict[str, Any]:
    """Return the statistics of the runs that started at `since` or later, before `until`, and match `filters`.

    `filters` are columns with the values to match.
    """
    where = [getattr(RecipeRun, name).in_(values) for name, values in filters.items()]
    where += [RecipeRun.started_at >= since] if since else []
    where += [RecipeRun.started_at < until] if until else []
    groups = _groups(where)
    conclusions = _tally(CONCLUSIONS, ((group.conclusion, group.runs) for group in groups))
    return {
        "runs": sum(group.runs for group in groups),
        "by_status": _tally(STATUSES, ((group.status, group.runs) for group in groups)),
        "by_conclusion": conclusions,
        "success_rate": _success_rate(conclusions),
        "duration": _durations(where)._asdict(),
        "queue": _queue([group for group in groups if group.status == "queued"]),
        "weeks": _weeks(groups),
    }


def _groups(where: list[ColumnElement[bool]]) -> list[Row[Any]]:
    """Return the number of runs by week, status and conclusion, and the time at which the oldest of them was stored."""
    by = (week(RecipeRun.started_at).label("week"), RecipeRun.status, RecipeRun.conclusion)
    stored = func.coalesce(RecipeRun.created_at, RecipeRun.started_at)
    numbers = func.count().label("runs"), func.min(stored).label("oldest")
    return list(db.session.execute(select(*by, *numbers).where(*where).group_by(*by).order_by(by[0])))


def _durations(where: list[ColumnElement[bool]]) -> Row[Any]:
    """Return the nearest-rank median and 90th percentile of the durations in seconds, and the number of the runs.

    They come from a histogram: it is faster than sorting the runs, and SQLite has no percentile function.
    """
    length = seconds(RecipeRun.started_at, RecipeRun.completed_at).label("length")
    timed = RecipeRun.conclusion.in_(TIMED) & RecipeRun.completed_at.is_not(None) & RecipeRun.time_problem.is_(None)
    lengths = select(length, func.count().label("runs")).where(*where, timed).group_by(length).subquery()
    up_to = func.sum(lengths.c.runs).over(order_by=lengths.c.length).label("up_to")
    ranks = select(lengths.c.length, up_to, func.sum(lengths.c.runs).over().label("runs")).subquery()

    def percentile(percent: int) -> ColumnElement[int]:
        return func.min(case((ranks.c.up_to * 100 >= ranks.c.runs * percent, ranks.c.length)))

    total = func.coalesce(func.max(ranks.c.runs), 0)
    return db.session.execute(
        select(total.label("runs"), percentile(50).label("median"), percentile(90).label("p90"))
    ).one()


def _tally(names: Iterable[str], numbers: Iterable[tuple[str | None, int]]) -> dict[str, int]:
    """Return the sums by name, with 0 for `names` without a number. Numbers without a name are ignored."""
    sums = Counter(dict.fromkeys(names, 0))
    for name, number in numbers:
        if name is not None:
            sums[name] += number
    return dict(sums)


def _success_rate(conclusions: dict[str, int]) -> float | None:
    successes = conclusions["success"]
    judged = successes + sum(conclusions[name] for name in FAILURES)
    return successes / judged if judged else None


def _queue(queued: list[Row[Any]]) -> dict[str, Any]:
    oldest = min((group.oldest for group in queued), default=None)
    age = (now() - oldest) // timedelta(minutes=1) if oldest else None
    return {"runs": sum(group.runs for group in queued), "oldest": oldest, "age": age}


def _weeks(groups: list[Row[Any]]) -> list[dict[str, Any]]:
    """Return the number of runs and their conclusions for each week in which runs started, if it is a possible one."""
    weeks, last = [], f"{now():%Y-%m-%d}"
    for monday, of_week in groupby(groups, key=lambda group: str(group.week)):
        found = list(of_week)
        if not f"{EARLIEST:%Y-%m-%d}" <= monday <= last:
            continue
        conclusions = _tally(CONCLUSIONS, ((group.conclusion, group.runs) for group in found))
        weeks.append({"week": monday, "runs": sum(group.runs for group in found), "by_conclusion": conclusions})
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
