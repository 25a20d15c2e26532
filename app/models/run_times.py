"""Which times of a run are possible.

Runners report times of their own clocks. A difference of minutes to the clock of this service is corrected, and the
history of the run says so. A larger one is refused: it is not a fast clock, but a time in the wrong zone or a typo, and
one such run would lead every feed and distort every statistic. Rows that other programs store may have any times.
"""

from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, SQLColumnExpression, String, case, literal_column

from app.database.columns import now, utc_now
from app.errors import Invalid

NAMES = ("started_at", "completed_at")
CLOCK_DIFFERENCE = timedelta(minutes=10)  # the largest that is corrected
EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)  # no archive was turned into a dataset by a recipe before
PROBLEMS = ("ends_before_start", "in_future", "too_early")


def corrected(values: dict[str, Any], old: dict[str, Any]) -> dict[str, Any]:
    """Return `values` with possible times. `old` has the present times of the run, which may be impossible.

    Raises 422 if a time is further from a possible one than CLOCK_DIFFERENCE.
    """
    changed = [name for name in NAMES if values.get(name) and values[name] != old[name]]
    times = {name: _until_now(name, values[name]) for name in changed}
    begin, end = times.get("started_at", old["started_at"]), times.get("completed_at")
    if begin and end:
        times["completed_at"] = _not_before(begin, end)
    return values | times


def ended_now(started_at: datetime) -> datetime:
    """The end of a run that ends at this moment."""
    return _not_before(started_at, now())


def _not_before(begin: datetime, end: datetime) -> datetime:
    return begin if end < begin <= end + CLOCK_DIFFERENCE else end


def _until_now(name: str, time: datetime) -> datetime:
    present = now()
    if time < EARLIEST:
        raise Invalid.at("body", name, f"{name}: Must not be before {EARLIEST:%Y-%m-%d}.")
    if time - present > CLOCK_DIFFERENCE:
        clock = f"it is now {present:%Y-%m-%dT%H:%M:%SZ}. A time without an offset is UTC."
        raise Invalid.at("body", name, f"{name}: Must not be in the future; {clock}")
    return min(time, present)


def correction(reported: dict[str, Any], stored: dict[str, Any]) -> str | None:
    """A sentence for the history that says which of the `reported` times differ from the `stored` ones, if any does."""
    wrong = [name for name in NAMES if reported.get(name) and reported[name] != stored[name]]
    times = " and ".join(f"{name} was reported as {reported[name]:%Y-%m-%dT%H:%M:%S.%fZ}" for name in wrong)
    return f"The clocks differ: {times}." if wrong else None


def problem(started_at: datetime, completed_at: datetime | None) -> str | None:
    """One of PROBLEMS, or None if the times are possible."""
    if completed_at and completed_at < started_at:
        return "ends_before_start"
    if max(started_at, completed_at or started_at) > now():
        return "in_future"
    return "too_early" if started_at < EARLIEST else None


def select_problem(
    started_at: SQLColumnExpression[datetime], completed_at: SQLColumnExpression[datetime | None]
) -> ColumnElement[str | None]:
    """`problem` as SQL."""
    ends_before_start, in_future, too_early = (literal_column(f"'{name}'", String) for name in PROBLEMS)
    return case(
        (completed_at < started_at, ends_before_start),
        ((started_at > utc_now()) | (completed_at > utc_now()), in_future),
        (started_at < EARLIEST, too_early),
    )
