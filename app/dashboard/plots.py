"""The geometry of the plots: bars and ticks, which templates/dashboard/plots.html draws.

Horizontal positions are in percent of the width, so that text has the same size on every screen. Vertical positions are
in pixels from the top.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from itertools import accumulate, chain, count
from math import ceil
from typing import Any

from app.dashboard.words import UNITS
from app.models.recipe_runs import CONCLUSIONS, FAILURES

HEIGHT = 200  # pixels
BARS_MAX = 80
RATE_BARS_MAX = 26  # fewer bars with more runs each, because the rate of a few runs has little meaning
BAR_WEEKS = (1, 2, 4, 13, 26, 52, 104, 260, 520)  # the possible numbers of weeks of a bar
LABELS_MAX = 6
BAR_WIDTH = 0.8  # as a share of the slot of a bar
DAY_LABELS = 4
# The possible steps in seconds between the ticks of an axis of durations, before those of days.
DURATION_STEPS = (1, 5, 15, 30, 60, 300, 900, 1800, 3600, 3 * 3600, 6 * 3600, 12 * 3600)

# The segments of a bar from bottom to top, with their labels. `open` are runs without a conclusion.
OTHER = tuple(name for name in CONCLUSIONS if name not in ("success", *FAILURES))
SERIES = {"success": "success", "failure": "failure", "timed_out": "timed out", "other": "other", "open": "unfinished"}
DECIDED = ("success", *FAILURES)  # conclusions that count for the success rate


@dataclass(frozen=True)
class Period:
    """The weeks of one bar: their first and last day, and the number of runs that started in them, by series."""

    first: date
    last: date
    runs: int
    counts: Mapping[str, int]

    @property
    def decided(self) -> int:
        """The number of runs that succeeded, failed or timed out."""
        return sum(self.counts[name] for name in DECIDED)

    @property
    def success_rate(self) -> float | None:
        return self.counts["success"] / self.decided if self.decided else None


@dataclass(frozen=True)
class Segment:
    series: str
    y: float
    height: float


@dataclass(frozen=True)
class Bar:
    x: float
    width: float
    period: Period
    segments: tuple[Segment, ...]


@dataclass(frozen=True)
class Tick:
    position: float
    label: str


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


@dataclass(frozen=True)
class Plot:
    bars: tuple[Bar, ...]
    y_ticks: tuple[Tick, ...]
    x_ticks: tuple[Tick, ...]
    legend: Mapping[str, str]
    height: int = HEIGHT


def periods(weeks: Sequence[Mapping[str, Any]], maximum: int = BARS_MAX) -> list[Period]:
    """Divide the time from the first to the last of `weeks` (of `/stats/overview`) into at most `maximum` periods.

    All periods have the same length. Weeks without runs are included.
    """
    if not weeks:
        return []
    mondays = [date.fromisoformat(week["week"]) for week in weeks]
    first, length = min(mondays), (max(mondays) - min(mondays)).days // 7 + 1
    width = next((width for width in BAR_WEEKS if ceil(length / width) <= maximum), ceil(length / maximum))
    groups: list[list[Mapping[str, Any]]] = [[] for _ in range(ceil(length / width))]
    for monday, week in zip(mondays, weeks, strict=True):
        groups[(monday - first).days // (7 * width)].append(week)
    return [_period(first + timedelta(weeks=width * index), width, group) for index, group in enumerate(groups)]


def run_counts(periods: Sequence[Period]) -> Plot:
    """Plot the number of runs that started in each period, as stacked bars by result."""
    top, step = _scale(max((period.runs for period in periods), default=0))
    ticks = [Tick(HEIGHT * (1 - value / top), f"{value:,}") for value in range(0, top + 1, step)]
    return _plot(periods, SERIES, ticks, [HEIGHT / top] * len(periods))


def success_rates(periods: Sequence[Period]) -> Plot:
    """Plot the success rate of each period in percent."""
    ticks = [Tick(HEIGHT * (1 - value / 100), f"{value} %") for value in (0, 25, 50, 75, 100)]
    heights = [HEIGHT / max(period.decided, 1) for period in periods]
    return _plot(periods, {"success": SERIES["success"]}, ticks, heights)


def durations(duration: Mapping[str, int | None]) -> list[tuple[str, int, float]]:
    """Return the label, the seconds and the length of the bar in percent, for the median and the 90th percentile."""
    median, p90 = duration["median"], duration["p90"]
    if median is None or p90 is None:
        return []
    return [("Median", median, round(100 * median / max(p90, 1), 2)), ("90th percentile", p90, 100.0)]


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


def _period(first: date, width: int, weeks: Iterable[Mapping[str, Any]]) -> Period:
    counts, runs = dict.fromkeys(SERIES, 0), 0
    for week in weeks:
        conclusions = week["by_conclusion"]
        runs += week["runs"]
        for name in DECIDED:
            counts[name] += conclusions[name]
        counts["other"] += sum(conclusions[name] for name in OTHER)
        counts["open"] += week["runs"] - sum(conclusions.values())
    days = min(7 * width - 1, (date.max - first).days)
    return Period(first, first + timedelta(days=days), runs, counts)


def _plot(periods: Sequence[Period], series: Mapping[str, str], y_ticks: list[Tick], heights: list[float]) -> Plot:
    """Return a plot with one bar for each period. `heights` has the pixels for one run in each bar.

    Series without runs are omitted.
    """
    used = {name: label for name, label in series.items() if any(period.counts[name] for period in periods)}
    slot = 100 / max(len(periods), 1)
    bars = [
        Bar(
            round(slot * (index + (1 - BAR_WIDTH) / 2), 3),
            round(slot * BAR_WIDTH, 3),
            period,
            _segments([(name, period.counts[name] * height) for name in used]),
        )
        for index, (period, height) in enumerate(zip(periods, heights, strict=True))
    ]
    every = ceil(len(periods) / LABELS_MAX) or 1
    x_ticks = [Tick(round(slot * (i + 0.5), 3), f"{periods[i].first:%b %Y}") for i in range(0, len(periods), every)]
    return Plot(tuple(bars), tuple(y_ticks), tuple(x_ticks), used)


def _segments(heights: list[tuple[str, float]]) -> tuple[Segment, ...]:
    tops = accumulate(height for _, height in heights)
    return tuple(
        Segment(name, round(HEIGHT - top, 2), round(height, 2))
        for (name, height), top in zip(heights, tops, strict=True)
        if height
    )


def _scale(highest: int) -> tuple[int, int]:
    """Return the end of an axis for values up to `highest`, and the step between its ticks. It has up to five ticks."""
    steps = (factor * 10**power for power in count() for factor in (1, 2, 5))
    step = next(step for step in steps if highest <= 4 * step)
    return max(ceil(highest / step), 1) * step, step
