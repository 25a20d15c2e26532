"""Counts over the whole catalogue, and sums over its runs: how they ended, how long they took, how long others wait."""

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
from app.services.datasets import Kind

# Runs that came to an end by themselves; what is over because it was given up took as long as somebody waited.
ENDED = ("success", "failure")
# RecipeRun.published(), as filters.
PUBLISHED = {"status": ["completed"], "conclusion": ["success"], "has_dataset": True}


class week(FunctionElement[str]):  # noqa: N801  # reads as the SQL function it is
    """The Monday of the week that a time is in."""

    inherit_cache = True


class seconds(FunctionElement[int]):  # noqa: N801  # reads as the SQL function it is
    """The whole seconds from one time to another, which is not before it."""

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
    # Whole before they are a double, which has no room for the microseconds of centuries.
    return f"date_part('epoch', date_trunc('second', {end} - {begin}))::bigint"


@compiles(seconds, "sqlite")
def _seconds_sqlite(element: seconds, compiler: Any, **options: Any) -> str:
    # Of the texts that times are, its functions do not keep more than milliseconds: the first 19 characters are whole
    # seconds, the rest is compared.
    begin, end = (compiler.process(clause, **options) for clause in element.clauses)
    return (
        f"strftime('%s', substr({end}, 1, 19)) - strftime('%s', substr({begin}, 1, 19))"
        f" - (substr({end}, 20) < substr({begin}, 20))"
    )


def overview(
    kind: Kind, since: datetime | None = None, bakery_id: int | None = None, feedstock_id: int | None = None
) -> dict[str, Any]:
    """The numbers of the runs of that kind that started at `since` or later, in that bakery, of that feedstock."""
    where = [] if kind == "all" else [RecipeRun.is_test == (kind == "test")]
    where += [RecipeRun.started_at >= since] if since else []
    where += [RecipeRun.bakery_id == bakery_id] if bakery_id else []
    where += [RecipeRun.feedstock_id == feedstock_id] if feedstock_id else []
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
    """How many runs there are by week, status and conclusion, and since when the oldest of them is recorded."""
    by = (week(RecipeRun.started_at).label("week"), RecipeRun.status, RecipeRun.conclusion)
    recorded = func.coalesce(RecipeRun.created_at, RecipeRun.started_at)
    numbers = func.count().label("runs"), func.min(recorded).label("oldest")
    return list(db.session.execute(select(*by, *numbers).where(*where).group_by(*by).order_by(by[0])))


def _durations(where: list[ColumnElement[bool]]) -> Row[Any]:
    """The least time that half, and that nine in ten, of the runs that ended took no longer than, in seconds.

    Over a histogram, which takes the database less than to sort the runs, and which SQLite can do as well.
    """
    length = seconds(RecipeRun.started_at, RecipeRun.completed_at).label("length")
    ended = RecipeRun.conclusion.in_(ENDED) & (RecipeRun.completed_at >= RecipeRun.started_at)
    lengths = select(length, func.count().label("runs")).where(*where, ended).group_by(length).subquery()
    up_to = func.sum(lengths.c.runs).over(order_by=lengths.c.length).label("up_to")
    ranks = select(lengths.c.length, up_to, func.sum(lengths.c.runs).over().label("runs")).subquery()

    def percentile(percent: int) -> ColumnElement[int]:
        return func.min(case((ranks.c.up_to * 100 >= ranks.c.runs * percent, ranks.c.length)))

    total = func.coalesce(func.max(ranks.c.runs), 0)
    return db.session.execute(
        select(total.label("runs"), percentile(50).label("median"), percentile(90).label("p90"))
    ).one()


def _tally(names: Iterable[str], numbers: Iterable[tuple[str | None, int]]) -> dict[str, int]:
    """The sums by name, of all `names`; what has no name is left out."""
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
    """The weeks in which runs started, with these."""
    weeks = []
    for monday, of_week in groupby(groups, key=lambda group: str(group.week)):
        found = list(of_week)
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
    """Runs with a dataset url, whatever came of them, as the original counts; without tests, published ones only."""
    filters: dict[str, Any] = PUBLISHED | {"is_test": [False]} if exclude_test_runs else {"has_dataset": True}
    return run_counts.count(filters)
