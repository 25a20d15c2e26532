"""Sums of runs: which of them, and which single runs, answer a question; and what they must be.

Sums answer for whole days or weeks. In one that a time divides, the runs themselves are counted.
"""

from collections.abc import Container, Iterator
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from sqlalchemy import ColumnElement, FromClause, Select, func, literal, select, union_all

from app.database.indexes import unindexed
from app.models import RecipeRun, RunsOfDuration, RunsOfFailure, RunsOfPeriod
from app.models.run_counts import total
from app.models.run_sums import ALL, DAY, LONG, LONGEST, MONDAY, TIMED, WEEK, bucket, day, seconds
from app.models.run_times import EARLIEST

Sums = RunsOfPeriod | RunsOfDuration | RunsOfFailure
Where = list[ColumnElement[bool]]

ONE_DAY = timedelta(days=1)
START = datetime.combine(MONDAY, time(), UTC)
DAYS = date.max.toordinal()  # of all times
PARENTS = ("bakery_id", "feedstock_id")
FILTERED = (*PARENTS, "is_test", "started_at")
# Whose sums there are, with the lengths of their periods in days: ids times 0, which is ALL, or times 1.
OF_PERIODS = {(0, 0): (DAY, WEEK), (1, 0): (DAY, WEEK), (0, 1): (WEEK,), (1, 1): (WEEK,)}
OF_DURATIONS = {slice_of: (*lengths, LONG) for slice_of, lengths in OF_PERIODS.items()}
OF_FAILURES = {slice_of: (*lengths, LONGEST) for slice_of, lengths in OF_DURATIONS.items() if any(slice_of)}
LENGTHS: dict[type[Sums], dict[tuple[int, int], tuple[int, ...]]] = {
    RunsOfPeriod: OF_PERIODS,
    RunsOfDuration: OF_DURATIONS,
    RunsOfFailure: OF_FAILURES,
}


class RunSelection:
    """The runs that started at `since` or later, before `until`, with one of the given values in each filter's column.

    Filters are `bakery_id`, `feedstock_id` and `is_test`. `parent` is one of PARENTS if the runs of each bakery or of
    each feedstock are counted. `first` and `end` are the range of days for which there are sums. Equal selections have
    equal hashes, because they are the keys of cached statements.
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
        self.slice = ("bakery_id" in (*filters, parent)) * 1, ("feedstock_id" in (*filters, parent)) * 1
        self.unit = OF_PERIODS[self.slice][0]
        width = self.unit * ONE_DAY
        self.first = -((START - since) // width) * self.unit if since else 0
        self.end = (until - START) // width * self.unit if until else (DAYS // LONGEST + 1) * LONGEST

    def __eq__(self, other: object) -> bool:
        return isinstance(other, RunSelection) and self.key == other.key

    def __hash__(self) -> int:
        return hash(self.key)

    def of_each(self, parent: str) -> "RunSelection":
        """The same runs, counted for each parent."""
        return RunSelection(self.since, self.until, self.filters, parent)

    def runs(self, since: datetime | None, until: datetime | None, indexed: Container[str] = FILTERED) -> Where:
        """The conditions for the runs of a part of the time. They use only indexes of the columns `indexed`."""
        columns = {name: getattr(RecipeRun, name) for name in FILTERED}
        columns = {name: column if name in indexed else unindexed(column) for name, column in columns.items()}
        where: Where = [columns[name].in_(values) for name, values in self.filters.items()]
        where += [columns["started_at"] >= since] if since else []
        return where + ([columns["started_at"] < until] if until else [])

    def all_runs(self, indexed: Container[str] = FILTERED) -> Where:
        """The conditions for all runs."""
        return self.runs(self.since, self.until, indexed)

    def runs_in_sums(self, indexed: Container[str] = FILTERED) -> Where:
        """The conditions for the runs of the whole days."""
        since, until = _time(self.first) if self.since else None, _time(self.end) if self.until else None
        return self.runs(since, until, indexed)

    def other_runs(self) -> Iterator[tuple[int, Where]]:
        """The week of the runs at each end of the time that are not in the sums, and their conditions."""
        if self.first > self.end:  # both times are in one day, or week
            yield self.end // WEEK, self.all_runs()
            return
        if self.since and self.since != _time(self.first):
            yield (self.first - 1) // WEEK, self.runs(self.since, _time(self.first))
        if self.until and self.until != _time(self.end):
            yield self.end // WEEK, self.runs(_time(self.end), self.until)

    def sums(self, model: type[Sums], longest: int = LONGEST) -> list[Where]:
        """The conditions for the sums of the fewest periods that cover the whole days, of up to `longest` days each."""
        lengths = tuple(days for days in LENGTHS[model][self.slice] if days <= longest)
        ids: dict[str, list[Any]] = {name: [ALL] for name in PARENTS if name != self.parent}
        matching = [getattr(model, name).in_(values) for name, values in (ids | self.filters).items()]
        if self.parent:
            matching.append(getattr(model, self.parent) > ALL)
        return [
            [*matching, model.days == days, model.period >= first, model.period < end]
            for days, first, end in cover(self.first, self.end, lengths)
        ]


def cover(first: int, end: int, lengths: tuple[int, ...]) -> Iterator[tuple[int, int, int]]:
    """The fewest periods of `lengths` that cover the days from `first` to `end`, multiples of the shortest length.

    Yields ranges of periods of the same length: the length, the first period and the one after the last.
    """
    short, *longer = lengths
    inner_first, inner_end = (-(-first // longer[0]) * longer[0], end // longer[0] * longer[0]) if longer else (0, 0)
    if inner_first >= inner_end:
        yield short, first // short, end // short
        return
    yield from cover(inner_first, inner_end, tuple(longer))
    for edge_first, edge_end in ((first, inner_first), (inner_end, end)):
        if edge_first < edge_end:
            yield short, edge_first // short, edge_end // short


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
    return _of_slices(select(*by, func.count().label("runs")).group_by(*by).cte(), OF_PERIODS)


def true_durations() -> Select[Any]:
    """Return the statement for the correct sums by duration."""
    in_day = RecipeRun.bakery_id, RecipeRun.feedstock_id, day(RecipeRun.started_at).label("day"), RecipeRun.is_test
    by = *in_day, bucket(duration()).label("seconds")
    return _of_slices(select(*by, func.count().label("runs")).where(lasted()).group_by(*by).cte(), OF_DURATIONS)


def true_failures() -> Select[Any]:
    """Return the statement for the correct sums by class of failure."""
    in_day = RecipeRun.bakery_id, RecipeRun.feedstock_id, day(RecipeRun.started_at).label("day"), RecipeRun.is_test
    by = *in_day, RecipeRun.failure_class
    failed = select(*by, func.count().label("runs")).where(RecipeRun.failure_class.is_not(None)).group_by(*by)
    return _of_slices(failed.cte(), OF_FAILURES)


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


def _time(days: int) -> datetime | None:
    """The time that many days after MONDAY; None if it is later than any."""
    return START + days * ONE_DAY if days < DAYS else None
