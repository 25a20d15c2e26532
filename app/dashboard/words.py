"""Filters of the templates: numbers, times and states as text, and safe links."""

import math
import re
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

import orjson

from app.database.columns import now, wire_time
from app.database.urls import is_web_address, with_encoded_blanks

HOSTS = {"github": "https://github.com/"}
UNITS = (("d", 86400), ("h", 3600), ("min", 60), ("s", 1))
AGES = (("year", 365 * 86400), ("month", 30 * 86400), ("day", 86400), ("hour", 3600), ("minute", 60))
TWO_UNITS_BELOW = 10  # show the next smaller unit only below this number of the larger one
BYTES = ("B", "kB", "MB", "GB", "TB", "PB", "EB")
# The names of usual steps, with their shortest and longest seconds: months and years are not equally long.
DAY = 86400
STEPS = (
    ("an hour", 3600, 3600),
    ("a day", DAY, DAY),
    ("a week", 7 * DAY, 7 * DAY),
    ("a month", 28 * DAY, 31 * DAY),
    ("three months", 90 * DAY, 92 * DAY),
    ("a year", 360 * DAY, 366 * DAY),
)
TIME_PROBLEMS = {
    "in_future": "Its times are in the future.",
    "too_early": "It starts before the year 2000.",
}
WHO = {
    "contributor": "the contributor of the recipe",
    "maintainer": "a maintainer of the feedstock",
    "operator": "the operator of the bakery",
}
REASONS = {"unknown": "reason unknown", "lost": "lost by the runner"}  # other classes of failures need no other words
RECENT = timedelta(days=7)  # show the age instead of the day


def number(value: int) -> str:
    """Such as 1,416."""
    return f"{value:,}"


def percent(value: float | None) -> str:
    """Such as 34.6 % for 0.346."""
    return "\N{EN DASH}" if value is None else f"{100 * value:.1f} %".replace(".0 ", " ")


def duration(seconds: float | None) -> str:
    """Such as 46 min or 3 h 12 min: the nearest one that has these units."""
    if seconds is None:
        return "\N{EN DASH}"
    whole = max(int(seconds), 0)
    precision = _units(whole)[-1][1]
    whole = (whole + precision // 2) // precision * precision
    (unit, size), *smaller = _units(whole)
    count, rest = divmod(whole, size)
    parts = [f"{count} {unit}", *(f"{rest // size} {unit}" for unit, size in smaller if rest >= size)]
    return " ".join(parts)


def _units(whole: int) -> tuple[tuple[str, int], ...]:
    """The largest unit of that many seconds, and the next smaller one if there are few of the larger one."""
    index = next((i for i, (_, size) in enumerate(UNITS) if whole >= size), len(UNITS) - 1)
    return UNITS[index : index + (2 if whole < TWO_UNITS_BELOW * UNITS[index][1] else 1)]


def took(run: dict[str, Any]) -> str:
    """Return the duration of a run; empty if it is unfinished or stale, or ends before it starts."""
    if run["completed_at"] is None or run["completed_at"] < run["started_at"] or run["conclusion"] == "stale":
        return ""
    return duration((run["completed_at"] - run["started_at"]).total_seconds())


def time_problem(run: dict[str, Any]) -> str | None:
    """Return a sentence about impossible times of a run, if it has any."""
    if run["time_problem"] == "ends_before_start":
        earlier = duration((run["started_at"] - run["completed_at"]).total_seconds())
        return f"It ends {earlier} before it starts, so two clocks or time zones differ."
    return run["time_problem"] and TIME_PROBLEMS[run["time_problem"]]


def is_past(time: datetime) -> bool:
    return aware(time) <= now()


def reason(failure_class: str) -> str:
    """Return the class of a failure in words."""
    return REASONS.get(failure_class) or plain(failure_class)


def who(name: str) -> str:
    """Return who can do something about a failure."""
    return WHO[name]


def aware(time: datetime) -> datetime:
    """Return `time` in UTC. The times of rows have no zone and are in UTC."""
    return time if time.tzinfo else time.replace(tzinfo=UTC)


def wire(time: datetime) -> str:
    """Return the value of the HTML attribute `datetime`."""
    return wire_time(aware(time))


def moment(time: datetime) -> str:
    """Such as 20 Jun 2022, 14:03 UTC."""
    return f"{aware(time):%-d %b %Y, %H:%M} UTC"


def minute(time: datetime) -> str:
    """Such as 20 Jun 2022, 14:03."""
    return f"{aware(time):%-d %b %Y, %H:%M}"


def ago(time: datetime) -> str:
    """Such as 2 days ago."""
    age = (now() - aware(time)).total_seconds()
    for unit, size in AGES:
        if count := int(abs(age) // size):
            words = f"{count} {unit}{'' if count == 1 else 's'}"
            return f"{words} ago" if age > 0 else f"in {words}"
    return "just now"


def day(time: datetime) -> str:
    """Such as 20 Jun 2022."""
    return f"{aware(time):%-d %b %Y}"


def when(time: datetime) -> str:
    """Return the age of a RECENT time, else the day."""
    return ago(time) if abs(now() - aware(time)) < RECENT else day(time)


def size(count: float | None) -> str:
    """Such as 2.4 GB."""
    if count is None:
        return "unknown"
    power = min(int(math.log10(max(count, 1))) // 3, len(BYTES) - 1)
    return f"{count / 1000**power:.3g} {BYTES[power]}"


def step(seconds: float) -> str:
    """Return the time between two steps, such as a month or 6 hours."""
    for name, shortest, longest in STEPS:
        if shortest <= seconds <= longest:
            return name
    return duration(seconds)


def period_of(period: Any) -> str:
    """Such as 30 May to 5 Jun 2022."""
    same = period.first.year == period.last.year
    return f"{period.first:{'%-d %b' if same else '%-d %b %Y'}} to {period.last:%-d %b %Y}"


def state(run: dict[str, Any]) -> str:
    """Return the conclusion of a run, or its status if it has none."""
    return str(run["conclusion"] or run["status"])


def plain(name: str) -> str:
    """Return the name of a state or a field with blanks."""
    return name.replace("_", " ")


def repository_url(feedstock: dict[str, Any]) -> str | None:
    host = HOSTS.get(feedstock["provider"])
    return host and host + quote(feedstock["spec"])


def commit_url(feedstock: dict[str, Any], ref: str) -> str | None:
    """Return the url of a commit, a branch or a tag at the host of the repository."""
    repository = repository_url(feedstock)
    place = "commit" if re.fullmatch("[0-9a-f]{7,40}", ref) else "tree"
    return repository and f"{repository}/{place}/{quote(ref)}"


def compare_url(feedstock: dict[str, Any], old: str, new: str) -> str | None:
    """Return the url of what changed between two commits at the host of the repository."""
    repository = repository_url(feedstock)
    return repository and f"{repository}/compare/{quote(old)}...{quote(new)}"


def license_url(license: str | None, url: str | None) -> str | None:
    """Return the address of the text of a licence: the one that is given, else that of SPDX."""
    return web_url(url) or (license and f"https://spdx.org/licenses/{quote(license)}.html")


def web_url(text: str | None) -> str | None:
    """Return the address of the web in `text`, else None: `javascript:` must not become a link."""
    url = with_encoded_blanks(text or "")
    return url if is_web_address(url) else None


def message(text: str | None) -> tuple[dict[str, str], str]:
    """Return the fields of a message that is a JSON object, without `trace`, and its traceback or other text."""
    try:
        values = orjson.loads(text or "")
    except orjson.JSONDecodeError:
        return {}, text or ""
    if not isinstance(values, dict):
        return {}, text or ""
    trace = values.pop("trace", "")
    return {name: _text(value) for name, value in values.items()}, _text(trace)


def _text(value: Any) -> str:
    return value if isinstance(value, str) else orjson.dumps(value, option=orjson.OPT_INDENT_2).decode()


FILTERS = (
    *(number, percent, size, duration, step, took, time_problem, period_of),
    *(wire, moment, minute, day, ago, when, is_past, state, plain, reason, who, web_url, license_url),
)
