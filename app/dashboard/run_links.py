"""Links from numbers and plots to the list of the runs that they count."""

from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, ClassVar
from urllib.parse import urlencode

from flask import url_for

from app.dashboard.plots import DECIDED
from app.database.columns import wire_time
from app.models.recipe_runs import CONCLUSIONS

# The filters for the series of a plot (app/dashboard/plots.py): the runs with these conclusions, or without one.
SERIES = {name: {"conclusion": name} for name in DECIDED}
SERIES |= {
    "decided": {"conclusion": ",".join(DECIDED)},
    "timed": {"conclusion": "success,failure"},
    "other": {"conclusion": ",".join(name for name in CONCLUSIONS if name not in DECIDED)},
    "open": {"has_conclusion": "false"},
    "unfinished": {"status": "queued,in_progress"},  # some runs of the original have a conclusion, too
}
TIMES = ("since", "until")
ONE_DAY = timedelta(days=1)


class RunLinks:
    """Links to the list of runs with the filters of a page: `given`, by their names in the address, times included.

    `times` has the times of the filters `since` and `until`, if the page has them. `series` are the ends of links to
    the runs of a series.
    """

    series: ClassVar = {"": "", **{name: f"&{urlencode(query)}" for name, query in SERIES.items()}}

    def __init__(self, given: Iterable[tuple[str, str]], times: Mapping[str, datetime]) -> None:
        self.given, self.times, path = list(given), times, url_for("dashboard.recipe_runs")
        self.all = f"{path}?{urlencode(self.given)}"
        without_times = urlencode([item for item in self.given if item[0] not in TIMES])
        self.at_any_time = f"{path}?{without_times}{'&' if without_times else ''}"

    def __call__(self, series: str = "", **more: Any) -> str:
        """The list of the runs of a series, or of all runs."""
        query = self.series[series] + (f"&{urlencode(more)}" if more else "")
        return (self.all + (query if self.given else query[1:])).removesuffix("?")

    def of_period(self, first: date, last: date, series: str = "") -> str:
        """The list of the runs that started in the days from `first` to `last`, as far as the page counts them."""
        since, until = _midnight(first), _midnight(min(last, date.max - ONE_DAY) + ONE_DAY)
        since, until = max(since, self.times.get("since", since)), min(until, self.times.get("until", until))
        return f"{self.at_any_time}since={_text(since)}&until={_text(until)}{self.series[series]}"


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)


def _text(at: datetime) -> str:
    return f"{at.date()}" if at.time() == time() else wire_time(at)
