"""Numbers, times and states as people say them, and links that are safe to follow."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote, urlsplit

import orjson

from app.database.columns import now, wire_time

HOSTS = {"github": "https://github.com/"}
UNITS = (("d", 86400), ("h", 3600), ("min", 60), ("s", 1))
AGES = (("year", 365 * 86400), ("month", 30 * 86400), ("day", 86400), ("hour", 3600), ("minute", 60))
EXACT = 10  # of a unit; from there on the one below it makes no difference
RECENT = timedelta(days=7)


def number(value: int) -> str:
    """With commas: 1,416."""
    return f"{value:,}"


def percent(value: float | None) -> str:
    """Of a share: 34.6 %."""
    return "none yet" if value is None else f"{100 * value:.1f} %".replace(".0 ", " ")


def duration(seconds: float | None) -> str:
    """By the largest unit, and the one below it if that makes a difference: 46 min, 3 h 12 min."""
    if seconds is None:
        return "none yet"
    whole = max(int(seconds), 0)
    index, (unit, size) = next(((i, pair) for i, pair in enumerate(UNITS) if whole >= pair[1]), (3, UNITS[3]))
    count, rest = divmod(whole, size)
    smaller = rest // UNITS[index + 1][1] if rest and count < EXACT else 0
    return f"{count} {unit}" + (f" {smaller} {UNITS[index + 1][0]}" if smaller else "")


def took(run: dict[str, Any]) -> str:
    """How long a run has taken, if it has an end."""
    if run["completed_at"] is None or run["completed_at"] < run["started_at"]:
        return ""
    return duration((run["completed_at"] - run["started_at"]).total_seconds())


def aware(time: datetime) -> datetime:
    """Rows have their times without a zone, in UTC."""
    return time if time.tzinfo else time.replace(tzinfo=UTC)


def wire(time: datetime) -> str:
    """For the attribute `datetime`."""
    return wire_time(aware(time))


def moment(time: datetime) -> str:
    """In full: 20 Jun 2022, 14:03 UTC."""
    return f"{aware(time):%-d %b %Y, %H:%M} UTC"


def ago(time: datetime) -> str:
    """By the largest unit: 2 days ago."""
    age = (now() - aware(time)).total_seconds()
    for unit, size in AGES:
        if count := int(abs(age) // size):
            words = f"{count} {unit}{'' if count == 1 else 's'}"
            return f"{words} ago" if age > 0 else f"in {words}"
    return "just now"


def when(time: datetime) -> str:
    """The day; if that is no week away, how long ago."""
    return ago(time) if abs(now() - aware(time)) < RECENT else f"{aware(time):%-d %b %Y}"


def state(run: dict[str, Any]) -> str:
    """How a run ended, else how far it has come; as the name of a state."""
    return str(run["conclusion"] or run["status"])


def plain(name: str) -> str:
    """The name of a state or a member in words."""
    return name.replace("_", " ")


def repository_url(feedstock: dict[str, Any]) -> str | None:
    host = HOSTS.get(feedstock["provider"])
    return host and host + quote(feedstock["spec"])


def commit_url(feedstock: dict[str, Any], ref: str) -> str | None:
    """Where the commit can be read, or the branch or tag, if `ref` is the name of one."""
    repository = repository_url(feedstock)
    place = "commit" if re.fullmatch("[0-9a-f]{7,40}", ref) else "tree"
    return repository and f"{repository}/{place}/{quote(ref)}"


def web_url(text: str | None) -> str | None:
    """`text`, if a browser may follow it: other schemes, such as `s3:` or `javascript:`, are no links."""
    try:
        parts = urlsplit(text or "")
    except ValueError:
        return None
    return text if parts.scheme in ("http", "https") and parts.netloc else None


def message(text: str | None) -> tuple[dict[str, str], str]:
    """The members of a runner's message, which often is JSON, and its traceback or other text."""
    try:
        members = orjson.loads(text or "")
    except orjson.JSONDecodeError:
        return {}, text or ""
    if not isinstance(members, dict):
        return {}, text or ""
    trace = members.pop("trace", "")
    return {name: _text(value) for name, value in members.items()}, _text(trace)


def _text(value: Any) -> str:
    return value if isinstance(value, str) else orjson.dumps(value, option=orjson.OPT_INDENT_2).decode()


FILTERS = (number, percent, duration, took, wire, moment, ago, when, state, plain, web_url)
