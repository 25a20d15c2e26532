"""The geometry of the plots of runs: bars and ticks, which templates/dashboard/plots.html draws.

Horizontal positions are in percent of the width, so that text has the same size on every screen. Vertical positions are
in pixels from the top.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cached_property
from itertools import accumulate, count
from math import ceil
from typing import Any

from app.models.recipe_runs import CONCLUSIONS, FAILURES
from app.models.run_periods import MONDAY
from app.services.run_durations import NO_DURATIONS, Summary

HEIGHT = 200  # pixels
BARS_MAX = 80
RATE_BARS_MAX = 13  # fewer bars with more runs each, because the rate of a few runs has little meaning
BAR_WEEKS = (1, 2, 4, 13, 26, 52, 104, 260, 520)  # the possible numbers of weeks of a bar
LABELS_MAX = 6
DAYS_BELOW = 26  # weeks; the labels of a shorter time have days
BAR_WIDTH = 0.8  # as a share of the slot of a bar
WIDEST = 8.0  # percent of the width that a bar has at most


# The segments of a bar from bottom to top, with their labels. `open` are runs without a conclusion.
OTHER = tuple(name for name in CONCLUSIONS if name not in ("success", *FAILURES))
SERIES = {"success": "success", "failure": "failure", "timed_out": "timed out", "other": "other", "open": "unfinished"}
DECIDED = ("success", *FAILURES)  # conclusions that count for the success rate


@dataclass(frozen=True)
class Period:
    """The weeks of one bar: their first and last day, how many runs started in them, and how long these took."""

    first: date
    last: date
    runs: int
    counts: Mapping[str, int]
    durations: Summary = NO_DURATIONS

    @property
    def weeks(self) -> int:
        return ((self.last - self.first).days + 1) // 7

    @cached_property
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
class Plot:
    bars: tuple[Bar, ...]
    y_ticks: tuple[Tick, ...]
    x_ticks: tuple[Tick, ...]
    legend: Mapping[str, str]
    height: int = HEIGHT


def periods(weeks: Sequence[Mapping[str, Any]], maximum: int = BARS_MAX, unit: int = 1) -> list[Period]:
    """Divide the time from the first to the last of `weeks` (of `/stats/overview`) into at most `maximum` periods.

    All periods have the same length. Weeks without runs are included. Periods consist of whole units of that many
    weeks, counted from MONDAY.
    """
    if not weeks:
        return []
    mondays = [date.fromisoformat(week["week"]) for week in weeks]
    first = min(mondays) - timedelta(weeks=week_number(min(mondays)) % unit)
    length = (max(mondays) - first).days // 7 + 1
    widths = BAR_WEEKS if unit == 1 else [unit * factor for factor in BAR_WEEKS]
    width = next((width for width in widths if ceil(length / width) <= maximum), ceil(length / maximum))
    groups: list[list[Mapping[str, Any]]] = [[] for _ in range(ceil(length / width))]
    for monday, week in zip(mondays, weeks, strict=True):
        groups[(monday - first).days // (7 * width)].append(week)
    return [_period(first + timedelta(weeks=width * index), width, group) for index, group in enumerate(groups)]


def week_number(monday: date) -> int:
    """The number of weeks from MONDAY to the week that begins on `monday`."""
    return (monday - MONDAY).days // 7


def run_counts(periods: Sequence[Period]) -> Plot:
    """Plot the number of runs that started in each period, as stacked bars by result."""
    top, step = scale(max((period.runs for period in periods), default=0))
    ticks = [Tick(HEIGHT * (1 - value / top), f"{value:,}") for value in range(0, top + 1, step)]
    return stacked(periods, SERIES, ticks, [HEIGHT / top] * len(periods))


def success_rates(periods: Sequence[Period]) -> Plot:
    """Plot the success rate of each period in percent."""
    ticks = [Tick(HEIGHT * (1 - value / 100), f"{value} %") for value in (0, 25, 50, 75, 100)]
    heights = [HEIGHT / max(period.decided, 1) for period in periods]
    return stacked(periods, {"success": SERIES["success"]}, ticks, heights)


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


def stacked(periods: Sequence[Period], series: Mapping[str, str], y_ticks: list[Tick], heights: list[float]) -> Plot:
    """Return a plot with one bar for each period. `heights` has the pixels for one run in each bar.

    Series without runs are omitted.
    """
    used = {name: label for name, label in series.items() if any(period.counts[name] for period in periods)}
    segments = [
        _segments([(name, period.counts[name] * height) for name in used])
        for period, height in zip(periods, heights, strict=True)
    ]
    return of_periods(periods, segments, y_ticks, used)


def of_periods(
    periods: Sequence[Period], segments: Sequence[tuple[Segment, ...]], y_ticks: list[Tick], legend: Mapping[str, str]
) -> Plot:
    """Return a plot with one bar for each period, which has the given segments."""
    slot = 100 / max(len(periods), 1)
    width = min(slot * BAR_WIDTH, WIDEST)
    bars = [
        Bar(round(slot * (index + 0.5) - width / 2, 3), round(width, 3), period, parts)
        for index, (period, parts) in enumerate(zip(periods, segments, strict=True))
    ]
    return Plot(tuple(bars), tuple(y_ticks), tuple(_labels(periods, slot)), legend)


def _labels(periods: Sequence[Period], slot: float) -> Iterator[Tick]:
    """Yield up to LABELS_MAX ticks with the first days of periods, or with their months if the time is long."""
    with_days = sum(period.weeks for period in periods) < DAYS_BELOW
    year = 0
    for index in range(0, len(periods), ceil(len(periods) / LABELS_MAX) or 1):
        first = periods[index].first
        form = "%-d %b %Y" if first.year != year else "%-d %b"
        yield Tick(round(slot * (index + 0.5), 3), f"{first:{form if with_days else '%b %Y'}}")
        year = first.year


def _segments(heights: list[tuple[str, float]]) -> tuple[Segment, ...]:
    tops = accumulate(height for _, height in heights)
    return tuple(
        Segment(name, round(HEIGHT - top, 2), round(height, 2))
        for (name, height), top in zip(heights, tops, strict=True)
        if height
    )


def scale(highest: int) -> tuple[int, int]:
    """Return the end of an axis for values up to `highest`, and the step between its ticks. It has up to five ticks."""
    steps = (factor * 10**power for power in count() for factor in (1, 2, 5))
    step = next(step for step in steps if highest <= 4 * step)
    return max(ceil(highest / step), 1) * step, step
