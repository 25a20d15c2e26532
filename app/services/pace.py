"""Whether a dataset is behind its own pace.

A dataset has a pace if it was seen to grow: a check found a later last time step than an earlier check. It also has one
if it was built several times and its last time step was recent at the newest build. Its usual age is the largest age
of its last time step that ended with growth. So a dataset that grows once a month may be a month old.

It is behind if its last time step is older than LATE times its usual age. It is not behind, but has ended, if its last
time step is older than a year and than ENDED times its usual age. A dataset that never grew has no pace: it may have
ended on purpose.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

LATE, ENDED = 2, 4
YEAR = timedelta(days=365)
RECENT = timedelta(days=30)  # at a build; or ten time steps
RECENT_STEPS = 10
SMALLEST = timedelta(seconds=1)  # growth; less may be an error of rounding
SHORTEST = timedelta(days=1)  # a usual age is at least a day


@dataclass(frozen=True)
class History:
    """Earlier checks, oldest first: when they were and the last time step that they found. And the builds."""

    checks: Sequence[tuple[datetime, datetime]] = ()
    first_build: datetime | None = None
    last_build: datetime | None = None
    build_count: int = 0


def pace(description: Mapping[str, Any], history: History, now: datetime) -> tuple[bool | None, str]:
    """Return whether the dataset keeps its pace, None if it has none, and a sentence with the last time step."""
    end: datetime | None = description["time_end"]
    if end is None:
        return None, "It has no times that this service can read."
    last, age = f"Its last time step is {end:%Y-%m-%d}.", now - end
    if age < timedelta(0):
        return None, f"{last} It reaches into the future, so it has no pace."
    step = timedelta(seconds=min(description["time_step"] or 0, 1e9))
    usual = usual_age(end, step, history, now)
    if usual is None:
        return None, f"{last} It was never seen to grow, so it has no pace."
    if age <= LATE * usual:
        return True, f"{last} It keeps its pace: it is usually at most {in_words(usual)} old."
    if age > max(YEAR, ENDED * usual):
        return None, f"{last} It has not grown since, so it seems to have ended."
    return False, f"{last} It is behind: it is {in_words(age)} old, usually at most {in_words(usual)}."


def usual_age(end: datetime, step: timedelta, history: History, now: datetime) -> timedelta | None:
    """Return the largest age of the last time step that ended with growth; None if there was no growth."""
    checks = [*history.checks, (now, end)]
    ages = [later - old for (_, old), (later, new) in pairwise(checks) if new - old >= max(step / 2, SMALLEST)]
    if ages:
        return max(*ages, step, SHORTEST)
    if history.build_count < 2 or history.first_build is None or history.last_build is None:
        return None
    latency = history.last_build - end
    if not timedelta(0) <= latency <= max(RECENT, RECENT_STEPS * step):
        return None
    between = (history.last_build - history.first_build) / (history.build_count - 1)
    return max(latency + between, step, SHORTEST)


def in_words(duration: timedelta) -> str:
    days = max(round(duration / timedelta(days=1)), 1)
    return "a day" if days == 1 else f"{days} days"
