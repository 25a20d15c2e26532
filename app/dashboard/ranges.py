"""Times in the address of a page that are relative to now: `since=30d` means the last 30 days."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime, time, timedelta
from typing import Any, NamedTuple

from marshmallow import Schema

from app.database.columns import now, wire_time
from app.schemas.fields import TimeOrDate

AGE = re.compile("([1-9][0-9]{0,2})([hdwy])")
UNITS = {"h": timedelta(hours=1), "d": timedelta(days=1), "w": timedelta(weeks=1), "y": timedelta(days=365)}
NAMES = {"h": "hour", "d": "day", "w": "week", "y": "year"}
SPANS = ("24h", "7d", "30d", "90d", "1y", "3y")  # that the filter offers
# The parameters that may have such a time.
TIMES = ("since", "until", "started_after", "started_before", "completed_after", "completed_before")


class Age(NamedTuple):
    """A time before now: the start of an hour, or of a day in UTC, so that a page has the same answer for a while."""

    number: int
    unit: str

    def start(self) -> datetime:
        at = now() - self.number * UNITS[self.unit]
        if self.unit == "h":
            return at.replace(minute=0, second=0, microsecond=0)
        return datetime.combine(at, time(), UTC)

    @property
    def words(self) -> str:
        """Such as 30 days or year, for the last 30 days or the last year."""
        name = NAMES[self.unit]
        return name if self.number == 1 else f"{self.number} {name}s"


class TimeOrAge(TimeOrDate):
    """A time, a date, or an age. An age stays one, because loaded queries are cached; `resolved` makes it a time."""

    default_error_messages = {
        "invalid": "Must be an RFC 3339 timestamp, a date or an age, such as 2022-03-03T02:29:54Z, 2022-03-03 or 30d."
    }

    def deserialize(
        self, value: Any, attr: str | None = None, data: Mapping[str, Any] | None = None, **kwargs: Any
    ) -> Any:
        return age(value) or super().deserialize(value, attr, data, **kwargs)


def age(text: Any) -> Age | None:
    """Return the age that `text` stands for; None if it is something else."""
    found = AGE.fullmatch(text) if isinstance(text, str) else None
    return Age(int(found[1]), found[2]) if found else None


def with_ages(query: type[Schema]) -> Schema:
    """Return the query of an API call as that of a page, whose times may be ages."""
    known = [name for name in TIMES if name in query().fields]
    return query.from_dict({name: TimeOrAge(description="A time.") for name in known}, name=query.__name__)()


def resolved(values: dict[str, Any]) -> dict[str, Any]:
    """Return the loaded `values` of a query with times instead of ages."""
    return {name: value.start() if isinstance(value, Age) else value for name, value in values.items()}


def absolute(name: str, text: str) -> str:
    """Return the text of a parameter as the API reads it: a time instead of an age."""
    found = age(text) if name in TIMES else None
    return text if found is None else wire_time(found.start()).removesuffix("T00:00:00Z")


def spans(chosen: str | None) -> dict[str, str]:
    """Return the options of the filter by time, `chosen` included: the values of `since` and their texts."""
    texts = (chosen, *SPANS) if chosen and chosen not in SPANS else SPANS
    return {text: f"in the last {known.words}" if (known := age(text)) else f"since {text}" for text in texts}
