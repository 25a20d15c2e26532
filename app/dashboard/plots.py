"""Plots as shapes: from numbers to bars and ticks, which templates/dashboard/plots.html draws.

Across, everything is in percent of the width, so that text keeps its size on any screen; down, in pixels from the top.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import accumulate, count
from math import ceil
from typing import Any

from app.models.recipe_runs import CONCLUSIONS, FAILURES

HEIGHT = 200  # pixels
BARS_MAX = 80
RATES_MAX = 26  # a rate of few runs says little
WIDTHS = (1, 2, 4, 13, 26, 52, 104, 260, 520)  # weeks that a bar may stand for
LABELS_MAX = 6
FILLED = 0.8  # of the place that a bar has

# From the bottom of a bar up; `open` are runs without a conclusion.
OTHER = tuple(name for name in CONCLUSIONS if name not in ("success", *FAILURES))
SERIES = {"success": "success", "failure": "failure", "timed_out": "timed out", "other": "other", "open": "no end yet"}
JUDGED = ("success", *FAILURES)


@dataclass(frozen=True)
class Period:
    """Some weeks, the first and the last day of them, and how many runs of each series started in them."""

    first: date
    last: date
    runs: int
    counts: Mapping[str, int]

    @property
    def judged(self) -> int:
        """How many of the runs say something about their recipe."""
        return sum(self.counts[name] for name in JUDGED)

    @property
    def success_rate(self) -> float | None:
        return self.counts["success"] / self.judged if self.judged else None


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
    at: float
    label: str


@dataclass(frozen=True)
class Plot:
    bars: tuple[Bar, ...]
    down: tuple[Tick, ...]
    across: tuple[Tick, ...]
    legend: Mapping[str, str]
    height: int = HEIGHT


def periods(weeks: Sequence[Mapping[str, Any]], most: int = BARS_MAX) -> list[Period]:
    """The time from the first to the last of `weeks`, as `/stats/overview` has them, in at most so many parts.

    Weeks without runs are there too: time goes on in them.
    """
    if not weeks:
        return []
    mondays = [date.fromisoformat(week["week"]) for week in weeks]
    first, length = min(mondays), (max(mondays) - min(mondays)).days // 7 + 1
    width = next((width for width in WIDTHS if ceil(length / width) <= most), ceil(length / most))
    parts: list[list[Mapping[str, Any]]] = [[] for _ in range(ceil(length / width))]
    for monday, week in zip(mondays, weeks, strict=True):
        parts[(monday - first).days // (7 * width)].append(week)
    return [_period(first + timedelta(weeks=width * index), width, part) for index, part in enumerate(parts)]


def stacked(parts: Sequence[Period]) -> Plot:
    """How many runs started, by what became of them."""
    top, step = _scale(max((part.runs for part in parts), default=0))
    down = [Tick(HEIGHT * (1 - value / top), f"{value:,}") for value in range(0, top + 1, step)]
    return _plot(parts, SERIES, down, [HEIGHT / top] * len(parts))


def rates(parts: Sequence[Period]) -> Plot:
    """Of the runs that say something about their recipe, how many in a hundred were a success."""
    down = [Tick(HEIGHT * (1 - value / 100), f"{value} %") for value in (0, 25, 50, 75, 100)]
    units = [HEIGHT / max(part.judged, 1) for part in parts]
    return _plot(parts, {"success": SERIES["success"]}, down, units)


def lengths(duration: Mapping[str, int | None]) -> list[tuple[str, int, float]]:
    """How long half of the runs, and nine in ten, took at most: in seconds, and in percent of the longer one."""
    median, p90 = duration["median"], duration["p90"]
    if median is None or p90 is None:
        return []
    return [("Half of the runs", median, round(100 * median / max(p90, 1), 2)), ("Nine in ten", p90, 100.0)]


def _period(first: date, width: int, weeks: Iterable[Mapping[str, Any]]) -> Period:
    counts, runs = dict.fromkeys(SERIES, 0), 0
    for week in weeks:
        ended = week["by_conclusion"]
        runs += week["runs"]
        for name in JUDGED:
            counts[name] += ended[name]
        counts["other"] += sum(ended[name] for name in OTHER)
        counts["open"] += week["runs"] - sum(ended.values())
    days = min(7 * width - 1, (date.max - first).days)
    return Period(first, first + timedelta(days=days), runs, counts)


def _plot(parts: Sequence[Period], series: Mapping[str, str], down: list[Tick], units: list[float]) -> Plot:
    """`units` are how many pixels a run has, in each of `parts`. Series without any runs are left out."""
    found = {name: text for name, text in series.items() if any(part.counts[name] for part in parts)}
    place = 100 / max(len(parts), 1)
    bars = [
        Bar(
            round(place * (index + (1 - FILLED) / 2), 3),
            round(place * FILLED, 3),
            part,
            _segments([(name, part.counts[name] * unit) for name in found]),
        )
        for index, (part, unit) in enumerate(zip(parts, units, strict=True))
    ]
    every = ceil(len(parts) / LABELS_MAX) or 1
    across = [Tick(round(place * (i + 0.5), 3), f"{parts[i].first:%b %Y}") for i in range(0, len(parts), every)]
    return Plot(tuple(bars), tuple(down), tuple(across), found)


def _segments(heights: list[tuple[str, float]]) -> tuple[Segment, ...]:
    tops = accumulate(height for _, height in heights)
    return tuple(
        Segment(name, round(HEIGHT - top, 2), round(height, 2))
        for (name, height), top in zip(heights, tops, strict=True)
        if height
    )


def _scale(highest: int) -> tuple[int, int]:
    """The end of an axis that has room for `highest`, and the step between its ticks, of which there are up to five."""
    steps = (factor * 10**power for power in count() for factor in (1, 2, 5))
    step = next(step for step in steps if highest <= 4 * step)
    return max(ceil(highest / step), 1) * step, step
