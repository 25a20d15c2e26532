"""Links from numbers and plots to the list of the runs that they count."""

from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from urllib.parse import urlencode

from flask import url_for

from app.dashboard.plots import DECIDED
from app.models.failures import FAILING
from app.models.recipe_runs import CONCLUSIONS

# The filters for the series of a plot (app/dashboard/plots.py): the runs with these conclusions, or without one.
SERIES = {name: {"conclusion": name} for name in DECIDED}
SERIES |= {
    "decided": {"conclusion": ",".join(DECIDED)},
    "failing": {"conclusion": ",".join(FAILING)},
    "timed": {"conclusion": "success,failure"},
    "other": {"conclusion": ",".join(name for name in CONCLUSIONS if name not in DECIDED)},
    "open": {"status": "queued,in_progress"},
}
TIMES = ("since", "until")


class RunLinks:
    """Links to the list of runs with the filters of a page: `given`, by their names in the address, times included.

    `times` has the times of the filters `since` and `until`, if the page has them.
    """

    def __init__(self, given: Iterable[tuple[str, str]], times: Mapping[str, datetime]) -> None:
        self.given, self.times, self.path = list(given), times, url_for("dashboard.recipe_runs")
        self.without_times = urlencode([item for item in self.given if item[0] not in TIMES])

    def __call__(self, series: str = "", **more: Any) -> str:
        """The list of the runs of a series, or of all runs."""
        query = urlencode([*self.given, *SERIES.get(series, {}).items(), *more.items()])
        return f"{self.path}?{query}".removesuffix("?")

    def of_period(self, first: date, last: date, series: str = "") -> str:
        """The list of the runs that started in the days from `first` to `last`, as far as the page counts them."""
        since, until = _midnight(first), _midnight(min(last, date.max - timedelta(days=1)) + timedelta(days=1))
        since, until = max(since, self.times.get("since", since)), min(until, self.times.get("until", until))
        query = urlencode({"since": _text(since), "until": _text(until)} | SERIES.get(series, {}))
        return f"{self.path}?{self.without_times}{'&' if self.without_times else ''}{query}"


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)


def _text(at: datetime) -> str:
    return f"{at.date()}" if at.time() == time() else f"{at:%Y-%m-%dT%H:%M:%S.%fZ}"
