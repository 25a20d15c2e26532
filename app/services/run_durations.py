"""How long runs took: histograms from the kept sums, and their percentiles."""

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from itertools import accumulate, groupby
from operator import itemgetter
from typing import Any

from sqlalchemy import CompoundSelect, Select, literal, select, union_all

from app.database.columns import utc_now
from app.database.statements import fetch
from app.models import RecipeRun, RunsOfDuration
from app.models.run_counts import total
from app.models.run_periods import LONG, WEEK
from app.models.run_sums import bucket, day
from app.services.run_sums import RunSelection, duration, lasted

# The number of runs of each duration in seconds, the shortest first.
Histogram = list[tuple[int, int]]
FIRST = itemgetter(0)


@dataclass(frozen=True)
class Summary:
    """How many runs there are, and percentiles of their durations in seconds; None without runs."""

    runs: int = 0
    median: int | None = None
    p90: int | None = None


NO_DURATIONS = Summary()


def histogram(selection: RunSelection) -> Histogram:
    return [(seconds, number) for seconds, number in fetch(_counts(selection))]


# Statements are built once, see `app.database.statements.fetch`.
@lru_cache(maxsize=64)
def _counts(selection: RunSelection) -> Select[Any]:
    """The statement for the number of runs by duration."""
    found = _durations(selection, LONG).subquery()
    runs = total(found.c.runs).label("runs")
    return select(found.c.seconds, runs).group_by(found.c.seconds).having(runs > 0).order_by(found.c.seconds)


def over_time(selection: RunSelection, first: int, weeks: int) -> dict[int, Histogram]:
    """The histogram of the runs that started in each part of the time, by the number of the part, if it has any runs.

    A part has that many weeks. Part 0 begins with the week `first`, counted from MONDAY. If both numbers are multiples
    of the longest periods of the sums, fewer sums are read.
    """
    rows = fetch(_counts_over_time(selection, first, weeks))
    return {number: [(seconds, count) for _, seconds, count in of_part] for number, of_part in groupby(rows, FIRST)}


@lru_cache(maxsize=64)
def _counts_over_time(selection: RunSelection, first: int, weeks: int) -> Select[Any]:
    """The statement for the number of runs by part of the time and by duration."""
    longest = LONG if first * WEEK % LONG == weeks * WEEK % LONG == 0 else WEEK
    found = _durations(selection, longest).subquery()
    part = ((found.c.week - first) // weeks).label("part")
    by = part, found.c.seconds
    runs = total(found.c.runs).label("runs")
    return select(*by, runs).group_by(*by).having(runs > 0).order_by(*by)


def whole(parts: Iterable[Histogram]) -> Histogram:
    """The histogram of the runs of all parts."""
    runs: Counter[int] = Counter()
    for lengths in parts:
        for seconds, count in lengths:
            runs[seconds] += count
    return sorted(runs.items())


def summary(lengths: Histogram) -> Summary:
    """The number of runs with these durations, and percentiles by nearest rank."""
    if not lengths:
        return NO_DURATIONS
    up_to = list(accumulate(runs for _, runs in lengths))
    runs = up_to[-1]
    median, p90 = (lengths[bisect_left(up_to, runs * percent / 100)][0] for percent in (50, 90))
    return Summary(runs, median, p90)


def _durations(selection: RunSelection, longest: int) -> CompoundSelect[Any]:
    """Select the numbers of runs by the week in which they started, or their period began, and by duration.

    Runs with times in the future are in the sums and are subtracted.
    """
    week = (RunsOfDuration.period * RunsOfDuration.days // WEEK).label("week")
    columns: list[Any] = [week, RunsOfDuration.seconds, RunsOfDuration.runs]
    parts: list[Select[Any]] = [select(*columns).where(*where) for where in selection.sums(RunsOfDuration, longest)]
    past, future = RecipeRun.completed_at <= utc_now(), RecipeRun.completed_at > utc_now()
    for number, where in selection.other_runs():
        of_run: list[Any] = [literal(number), duration(), literal(1)]
        parts.append(select(*of_run).where(lasted(), past, *where))
    to_subtract: list[Any] = [day(RecipeRun.started_at) // WEEK, bucket(duration()), literal(-1)]
    parts.append(select(*to_subtract).where(lasted(), future, *selection.runs_in_sums(indexed=())))
    return union_all(*parts)
