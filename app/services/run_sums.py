"""Selects the sums and the single runs that answer a query, and computes the sums from all runs for `recount`.

Sums answer for whole days or weeks. In one that a time divides, the runs themselves are counted.
"""

from collections.abc import Container, Iterator
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, FromClause, Select, func, literal, select, union_all

from app.database.indexes import unindexed
from app.models import RecipeRun, RunsOfDuration, RunsOfFailure, RunsOfPeriod
from app.models.run_counts import total
from app.models.run_periods import LONGEST, Periods
from app.models.run_sums import (
    LENGTHS,
    PARENTS,
    TIMED,
    Conditions,
    Sums,
    bucket,
    day,
    matching_runs,
    matching_sums,
    seconds,
    unit,
)
from app.models.run_times import EARLIEST

FILTERED = (*PARENTS, "is_test", "started_at")
COLUMNS = {name: getattr(RecipeRun, name) for name in FILTERED}


class RunSelection:
    """The runs that started at `since` or later, before `until`, with one of the given values in each filter's column.

    Filters are `bakery_id`, `feedstock_id` and `is_test`. `parent` is one of PARENTS if the runs of each bakery or of
    each feedstock are counted. Equal selections have equal hashes, because they are the keys of cached statements.
    """

    def __init__(
        self,
        since: datetime | None,
        until: datetime | None,
        filters: dict[str, list[Any]],
        parent: str = "",
    ) -> None:
        self.since, self.until, self.filters, self.parent = since, until, filters, parent
        self.key = since, until, parent, *((name, *values) for name, values in filters.items())
        self.periods = Periods(since, until, unit((*filters, parent)))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, RunSelection) and self.key == other.key

    def __hash__(self) -> int:
        return hash(self.key)

    def of_each(self, parent: str) -> "RunSelection":
        """The same runs, counted for each parent."""
        return RunSelection(self.since, self.until, self.filters, parent)

    def runs(self, since: datetime | None, until: datetime | None, indexed: Container[str] = FILTERED) -> Conditions:
        """The conditions for the runs of a part of the time. They use only indexes of the columns `indexed`."""
        return matching_runs(COLUMNS, self.filters, since, until, indexed)

    def all_runs(self, indexed: Container[str] = FILTERED) -> Conditions:
        """The conditions for all runs."""
        return self.runs(self.since, self.until, indexed)

    def runs_in_sums(self, indexed: Container[str] = FILTERED) -> Conditions:
        """The conditions for the runs of the whole days."""
        return self.runs(*self.periods.whole(), indexed)

    def other_runs(self) -> Iterator[tuple[int, Conditions]]:
        """The week of the runs at each end of the time that are not in the sums, and their conditions."""
        for week, since, until in self.periods.divided():
            yield week, self.runs(since, until)

    def sums(self, model: type[Sums], longest: int = LONGEST) -> list[Conditions]:
        """The conditions for the sums of the fewest periods that cover the whole days, of up to `longest` days each."""
        return matching_sums(model, self.periods, self.filters, self.parent, longest)


def lasted() -> ColumnElement[bool]:
    """Select the runs whose durations are in the sums. Those that end in the future do not count before."""
    start = unindexed(RecipeRun.started_at)
    return unindexed(RecipeRun.conclusion).in_(TIMED) & (RecipeRun.completed_at >= start) & (start >= EARLIEST)


def duration() -> ColumnElement[int]:
    """The duration of a run in whole seconds."""
    return seconds(RecipeRun.started_at, RecipeRun.completed_at)


def true_periods() -> Select[Any]:
    """Return the statement for the correct sums by period."""
    kind = RecipeRun.is_test, RecipeRun.status, RecipeRun.conclusion
    by = RecipeRun.bakery_id, RecipeRun.feedstock_id, day(RecipeRun.started_at).label("day"), *kind
    return _of_slices(select(*by, func.count().label("runs")).group_by(*by).cte(), LENGTHS[RunsOfPeriod])


def true_durations() -> Select[Any]:
    """Return the statement for the correct sums by duration."""
    in_day = RecipeRun.bakery_id, RecipeRun.feedstock_id, day(RecipeRun.started_at).label("day"), RecipeRun.is_test
    by = *in_day, bucket(duration()).label("seconds")
    return _of_slices(
        select(*by, func.count().label("runs")).where(lasted()).group_by(*by).cte(), LENGTHS[RunsOfDuration]
    )


def true_failures() -> Select[Any]:
    """Return the statement for the correct sums by class of failure."""
    in_day = RecipeRun.bakery_id, RecipeRun.feedstock_id, day(RecipeRun.started_at).label("day"), RecipeRun.is_test
    by = *in_day, RecipeRun.failure_class
    failed = select(*by, func.count().label("runs")).where(RecipeRun.failure_class.is_not(None)).group_by(*by)
    return _of_slices(failed.cte(), LENGTHS[RunsOfFailure])


def _of_slices(runs: FromClause, lengths_of: dict[tuple[int, int], tuple[int, ...]]) -> Select[Any]:
    """Add up the numbers of runs in the last column of `runs`, for the slices and the lengths of periods."""
    bakery_id, feedstock_id, of_day, *kind, number = runs.columns
    slices = [
        select(
            (bakery_id * b).label("bakery_id"),
            (feedstock_id * f).label("feedstock_id"),
            literal(days).label("days"),
            (of_day // days).label("period"),
            *kind,
            number,
        )
        for (b, f), lengths in lengths_of.items()
        for days in lengths
    ]
    *by, numbers = union_all(*slices).subquery().columns
    return select(*by, total(numbers).label("runs")).group_by(*by)
