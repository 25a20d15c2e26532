"""The geometry of the plots of durations, which templates/dashboard/plots.html draws (see app/dashboard/plots.py)."""

from bisect import bisect_right
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from itertools import chain, count
from math import ceil, log
from typing import Any

from app.dashboard.plots import HEIGHT, Period, Plot, Segment, Tick, of_periods, scale
from app.dashboard.words import UNITS
from app.services.run_durations import Histogram, Summary

LOW = 120  # pixels; the height of a distribution
BINS_MIN = 6
DAY_LABELS = 4
# The possible steps in seconds between the ticks of an axis of durations, before those of days.
DURATION_STEPS = (1, 5, 15, 30, 60, 300, 900, 1800, 3600, 3 * 3600, 6 * 3600, 12 * 3600)
# The shortest durations of the bars of a distribution, in seconds.
EDGES = (0, 10, 30, 60, 120, 300, 600, 1800, 3600, 7200, 4 * 3600, 8 * 3600, 86400, 3 * 86400, 7 * 86400)
# The segments of a bar of durations, with their labels.
LENGTHS = {"length": "median", "tail": "up to the 90th percentile"}
MARK = 4  # pixels


@dataclass(frozen=True)
class Bin:
    """The runs that took `shortest` to `longest` seconds, `longest` excluded and None if there is no limit."""

    x: float
    width: float
    y: float
    height: float
    runs: int
    share: float
    shortest: int
    longest: int | None


@dataclass(frozen=True)
class Distribution:
    bins: tuple[Bin, ...]
    y_ticks: tuple[Tick, ...]
    x_ticks: tuple[Tick, ...]
    height: int = LOW


@dataclass(frozen=True)
class Point:
    """A run in a plot of durations: its start from the left in percent, its duration from the top in pixels."""

    x: float
    y: float
    run: Mapping[str, Any]


@dataclass(frozen=True)
class Points:
    points: tuple[Point, ...]
    y_ticks: tuple[Tick, ...]
    x_ticks: tuple[Tick, ...]
    height: int = HEIGHT


def durations(periods: Sequence[Period]) -> Plot:
    """Plot the median and the 90th percentile of the durations of the runs of each period.

    The axis is logarithmic, because the 90th percentile is often a hundred times the median.
    """
    known = [period.durations for period in periods if period.durations.runs]
    low = EDGES[bisect_right(EDGES, min((summary.median or 0 for summary in known), default=0)) - 1] or 1
    longest = max((summary.p90 or 0 for summary in known), default=0)
    high = next((edge for edge in EDGES if edge >= longest and edge > low), max(longest, 2 * low))

    def y(seconds: int) -> float:
        return round(HEIGHT * (1 - log(max(seconds, low) / low) / log(high / low)), 2)

    ticks = [Tick(y(edge), _length(edge)) for edge in dict.fromkeys((low, *EDGES)) if low <= edge <= high]
    return of_periods(
        periods, [_lengths(period.durations, y) for period in periods], ticks[:: ceil(len(ticks) / 7)], LENGTHS
    )


def _lengths(summary: Summary, y: Callable[[int], float]) -> tuple[Segment, ...]:
    """A mark at the median, below a bar up to the 90th percentile."""
    if summary.median is None or summary.p90 is None:
        return ()
    median, p90 = y(summary.median), y(summary.p90)
    return Segment("tail", p90, round(median - p90, 2)), Segment("length", median - MARK / 2, MARK)


def distribution(lengths: Histogram) -> Distribution | None:
    """Plot the number of runs by duration; None if there are none."""
    if not lengths:
        return None
    counts = [0] * len(EDGES)
    for seconds, runs in lengths:
        counts[bisect_right(EDGES, seconds) - 1] += runs
    shown = _shown(counts)
    top, step = scale(max(counts))
    bins = [_bin(place, number, counts, 100 / len(shown), LOW / top) for place, number in enumerate(shown)]
    y_ticks = [Tick(LOW * (1 - value / top), f"{value:,}") for value in range(0, top + 1, step)]
    x_ticks = [Tick(round(100 / len(shown) * place, 3), _length(bin.shortest)) for place, bin in enumerate(bins)]
    return Distribution(tuple(bins), tuple(y_ticks), tuple(x_ticks))


def _bin(place: int, number: int, counts: list[int], slot: float, height: float) -> Bin:
    """The bar of the durations from EDGES[number]. A slot is in percent, and `height` are the pixels for a run."""
    runs, longest = counts[number], EDGES[number + 1] if number + 1 < len(EDGES) else None
    x, width = round(slot * (place + 0.05), 3), round(slot * 0.9, 3)
    y, length = round(LOW - runs * height, 2), round(runs * height, 2)
    return Bin(x, width, y, length, runs, runs / sum(counts), EDGES[number], longest)


def _shown(counts: list[int]) -> range:
    """The bars from the shortest to the longest duration, and some beside them if they are few."""
    used = [number for number, count in enumerate(counts) if count]
    first, end = used[0], used[-1] + 1
    while end - first < BINS_MIN:
        first, end = max(first - 1, 0), min(end + 1, len(counts))
    return range(first, end)


def durations_over_time(runs: Sequence[Mapping[str, Any]]) -> Points | None:
    """Plot when runs started and how long they took; None if there are none. All of them have ended."""
    if not runs:
        return None
    lengths = [(run["completed_at"] - run["started_at"]).total_seconds() for run in runs]
    top, step = _duration_scale(max(lengths))
    first, last = min(run["started_at"] for run in runs), max(run["started_at"] for run in runs)
    points = [
        Point(_share(run["started_at"], first, last), round(HEIGHT * (1 - length / top), 2), run)
        for run, length in zip(runs, lengths, strict=True)
    ]
    y_ticks = [Tick(round(HEIGHT * (1 - at / top), 2), _length(at)) for at in range(0, top + 1, step)]
    return Points(tuple(points), tuple(y_ticks), tuple(_days(first, last)))


def _length(seconds: int) -> str:
    """Return a short label of an axis, such as 1.5 h."""
    unit, size = next((pair for pair in UNITS if seconds >= pair[1]), ("", 1))
    return f"{seconds / size:g} {unit}".rstrip()


def _share(time: datetime, first: datetime, last: datetime) -> float:
    """Return how far `time` is from `first` to `last`, in percent, with a margin for the marks at the ends."""
    return round(2 + 96 * ((time - first) / (last - first) if last > first else 0.5), 3)


def _days(first: datetime, last: datetime) -> Iterator[Tick]:
    """Yield ticks at the starts of days, at most DAY_LABELS, in equal steps."""
    day, days = datetime.combine(first, time(), first.tzinfo), (last - first).days + 1
    step = timedelta(days=ceil(days / DAY_LABELS))
    while day <= last:
        if day >= first or days == 1:
            yield Tick(_share(max(day, first), first, last), f"{day:%-d %b %Y}")
        day += step


def _duration_scale(longest: float) -> tuple[int, int]:
    """Return the end of an axis for durations up to `longest` seconds, and the step between its up to five ticks."""
    days = (86400 * factor * 10**power for power in count() for factor in (1, 2, 5))
    step = next(step for step in chain(DURATION_STEPS, days) if longest <= 4 * step)
    return max(ceil(longest / step), 1) * step, step
