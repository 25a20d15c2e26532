"""Which sums, and which single runs, answer a question about runs: the sums of whole periods, and the runs of the rest."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement

from app.models import RecipeRun
from app.models.run_sums import ALL, MONDAY, PERIODS, WEEK, RunsOfDuration, RunsOfWeek

Where = list[ColumnElement[bool]]

FIRST = datetime.combine(MONDAY, datetime.min.time(), UTC)
# The end of the longest period that has the last day of a datetime. Days are counted from MONDAY.
END = -(-datetime.max.toordinal() // PERIODS[-1]) * PERIODS[-1]


class RunSelection:
    """The runs that started at `since` or later, before `until`, with one of the given values in each filter's column.

    Filters are `bakery_id`, `feedstock_id` and `is_test`.
    """

    def __init__(self, since: datetime | None, until: datetime | None, filters: dict[str, list[Any]]) -> None:
        self.since, self.until, self.filters = since, until, filters
        self.first = -(-_days(since, up=True) // WEEK) * WEEK if since else 0
        self.end = _days(until) // WEEK * WEEK if until else END

    def where(self, since: datetime | None, until: datetime | None) -> Where:
        """The conditions for the runs that started in a part of the time."""
        where = [getattr(RecipeRun, name).in_(values) for name, values in self.filters.items()]
        where += [RecipeRun.started_at >= since] if since else []
        return where + ([RecipeRun.started_at < until] if until else [])

    def weeks(self) -> Where:
        """The conditions for the sums of the whole weeks."""
        return [
            *self._slice(RunsOfWeek),
            RunsOfWeek.week >= self.first // WEEK,
            RunsOfWeek.week < self.end // WEEK,
        ]

    def periods(self) -> list[Where]:
        """The conditions for the sums of durations in the fewest periods that cover the whole weeks."""
        model = RunsOfDuration
        return [
            [*self._slice(model), model.days == days, model.period >= first, model.period < end]
            for days, first, end in cover(self.first, self.end, PERIODS)
        ]

    def partial_weeks(self) -> Iterator[tuple[int, Where]]:
        """Each week that is not whole, and the conditions for its runs."""
        if self.first > self.end:  # both times are in one week
            yield self.end // WEEK, self.where(self.since, self.until)
            return
        if self.since and self.since != _time(self.first):
            yield self.first // WEEK - 1, self.where(self.since, _time(self.first))
        if self.until and self.until != _time(self.end):
            yield self.end // WEEK, self.where(_time(self.end), self.until)

    def whole_weeks(self) -> Where:
        """The conditions for the runs of the whole weeks."""
        return self.where(_time(self.first) if self.since else None, _time(self.end) if self.until else None)

    def _slice(self, model: type[RunsOfWeek] | type[RunsOfDuration]) -> Where:
        """The conditions for the sums of the runs that match the filters."""
        ids = {name: self.filters.get(name, [ALL]) for name in ("bakery_id", "feedstock_id")}
        kinds = {"is_test": self.filters["is_test"]} if "is_test" in self.filters else {}
        return [getattr(model, name).in_(values) for name, values in (ids | kinds).items()]


def cover(first: int, end: int, lengths: tuple[int, ...] = PERIODS) -> list[tuple[int, int, int]]:
    """The fewest periods that cover the days from `first` to `end`, both of which are multiples of the first length.

    Each of `lengths` is a multiple of the one before. Return a length, the first period and the end, several times.
    """
    length, *longer = lengths
    inner_first, inner_end = (-(-first // longer[0]) * longer[0], end // longer[0] * longer[0]) if longer else (0, 0)
    if inner_first >= inner_end:
        return [(length, first // length, end // length)]
    edges = [(length, a // length, b // length) for a, b in ((first, inner_first), (inner_end, end)) if a < b]
    return edges + cover(inner_first, inner_end, tuple(longer))


def _days(time: datetime, *, up: bool = False) -> int:
    """The days from MONDAY to `time`, rounded down, or up."""
    passed = time.astimezone(UTC) - FIRST
    return passed.days + (up and passed > timedelta(days=passed.days))


def _time(days: int) -> datetime | None:
    """The time that many days after MONDAY; None if it is later than any."""
    return FIRST + timedelta(days=days) if days < datetime.max.toordinal() else None
