"""Sums of runs: which of them, and which single runs, answer a question; and what they must be.

Sums answer for whole weeks. In a week that a time divides, the runs themselves are counted.
"""

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, FromClause, Select, cast, func, literal, select, union_all

from app.models import RecipeRun, RunsOfDuration, RunsOfWeek
from app.models.run_sums import ALL, MONDAY, PERIODS, TIMED, bucket, seconds, week
from app.models.run_times import EARLIEST

Where = list[ColumnElement[bool]]

WEEK = timedelta(weeks=1)
START = datetime.combine(MONDAY, time(), UTC)
WEEKS = date.max.toordinal() // 7 + 1  # the number of weeks that have a time


class RunSelection:
    """The runs that started at `since` or later, before `until`, with one of the given values in each filter's column.

    Filters are `bakery_id`, `feedstock_id` and `is_test`. `first` and `end` are the range of the whole weeks.
    """

    def __init__(self, since: datetime | None, until: datetime | None, filters: dict[str, list[Any]]) -> None:
        self.since, self.until, self.filters = since, until, filters
        self.first = -((START - since) // WEEK) if since else 0
        self.end = (until - START) // WEEK if until else WEEKS

    def runs(self, since: datetime | None, until: datetime | None) -> Where:
        """The conditions for the runs of a part of the time."""
        where = [getattr(RecipeRun, name).in_(values) for name, values in self.filters.items()]
        where += [RecipeRun.started_at >= since] if since else []
        return where + ([RecipeRun.started_at < until] if until else [])

    def all_runs(self) -> Where:
        """The conditions for all runs."""
        return self.runs(self.since, self.until)

    def runs_of_whole_weeks(self) -> Where:
        """The conditions for the runs of the whole weeks."""
        return self.runs(_monday(self.first) if self.since else None, _monday(self.end) if self.until else None)

    def partial_weeks(self) -> Iterator[tuple[int, Where]]:
        """Each week that is not whole, and the conditions for its runs."""
        if self.first > self.end:  # both times are in one week
            yield self.end, self.all_runs()
            return
        if self.since and self.since != _monday(self.first):
            yield self.first - 1, self.runs(self.since, _monday(self.first))
        if self.until and self.until != _monday(self.end):
            yield self.end, self.runs(_monday(self.end), self.until)

    def whole_weeks(self) -> Where:
        """The conditions for the sums of the whole weeks."""
        return [*self._slice(RunsOfWeek), RunsOfWeek.week >= self.first, RunsOfWeek.week < self.end]

    def periods(self) -> list[Where]:
        """The conditions for the sums of durations in the fewest periods that cover the whole weeks."""
        slice_of, period = self._slice(RunsOfDuration), RunsOfDuration.period
        return [
            [*slice_of, RunsOfDuration.weeks == weeks, period >= first, period < end]
            for weeks, first, end in cover(self.first, self.end)
        ]

    def _slice(self, model: type[RunsOfWeek] | type[RunsOfDuration]) -> Where:
        """The conditions for the sums of the runs that match the filters."""
        every: dict[str, list[Any]] = {"bakery_id": [ALL], "feedstock_id": [ALL]}
        return [getattr(model, name).in_(values) for name, values in (every | self.filters).items()]


def cover(first: int, end: int) -> Iterator[tuple[int, int, int]]:
    """The fewest periods that cover the weeks from `first` to `end`, which it excludes.

    Yields ranges of periods of the same length: the length, the first period and the one after the last.
    """
    one, long = PERIODS
    inner_first, inner_end = -(-first // long), end // long
    if inner_first >= inner_end:
        yield one, first, end
        return
    yield long, inner_first, inner_end
    for edge_first, edge_end in ((first, inner_first * long), (inner_end * long, end)):
        if edge_first < edge_end:
            yield one, edge_first, edge_end


def lasted() -> ColumnElement[bool]:
    """Select the runs whose durations are in the sums. Those that end in the future do not count before."""
    possible = (RecipeRun.completed_at >= RecipeRun.started_at) & (RecipeRun.started_at >= EARLIEST)
    return RecipeRun.conclusion.in_(TIMED) & possible


def duration() -> ColumnElement[int]:
    """The duration of a run in whole seconds."""
    return seconds(RecipeRun.started_at, RecipeRun.completed_at)


def true_weeks() -> Select[Any]:
    """Return the statement for the correct sums by week."""
    kind = RecipeRun.is_test, RecipeRun.status, RecipeRun.conclusion
    by = RecipeRun.bakery_id, RecipeRun.feedstock_id, week(RecipeRun.started_at).label("week"), *kind
    return _of_slices(select(*by, func.count().label("runs")).group_by(*by).cte())


def true_durations() -> Select[Any]:
    """Return the statement for the correct sums by duration."""
    in_week = RecipeRun.bakery_id, RecipeRun.feedstock_id, week(RecipeRun.started_at).label("week"), RecipeRun.is_test
    by = *in_week, bucket(duration()).label("seconds")
    found = select(*by, func.count().label("runs")).where(lasted()).group_by(*by).cte()
    same = found.c.bakery_id, found.c.feedstock_id, found.c.is_test, found.c.seconds
    of_periods = [
        select(*same, literal(weeks).label("weeks"), (found.c.week // weeks).label("period"), found.c.runs)
        for weeks in PERIODS
    ]
    return _of_slices(union_all(*of_periods).subquery())


def _of_slices(runs: FromClause) -> Select[Any]:
    """Add up the numbers of runs in the last column of `runs`, for all, each bakery, each feedstock and each pair."""
    bakery_id, feedstock_id, *kind, number = runs.columns
    slices = [
        select(bakery.label("bakery_id"), feedstock.label("feedstock_id"), *kind, number)
        for bakery in (literal(ALL), bakery_id)
        for feedstock in (literal(ALL), feedstock_id)
    ]
    *by, total = union_all(*slices).subquery().columns
    return select(*by, cast(func.sum(total), BigInteger).label("runs")).group_by(*by)


def _monday(number: int) -> datetime | None:
    """The start of a week; None if it is later than any time."""
    return START + number * WEEK if number < WEEKS else None
