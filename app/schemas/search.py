"""The parameters `bbox` and `datetime` of searches, in the syntax of STAC and OGC API Features."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime, time
from typing import Any

from marshmallow import ValidationError, fields

from app.schemas.fields import DATE, LOST_PLUS, TimeOrDate

EDGES = ("west", "south", "east", "north")
OPEN = ("", "..")
NUMBER = r"[+-]?[0-9]{1,15}(\.[0-9]{0,15})?"
BOX = rf"^ *{NUMBER}( *, *{NUMBER}){{3}}(( *, *{NUMBER}){{2}})? *$"
FIRST = datetime.min.replace(tzinfo=UTC)
LAST = datetime.max.replace(tzinfo=UTC)


class BoundingBox(fields.String):
    """West, south, east and north in degrees, separated by commas; with six numbers, the heights are ignored.

    West is larger than east in a box that crosses 180 degrees.
    """

    default_error_messages = {
        "invalid": "Must be four numbers of degrees, separated by commas: west,south,east,north.",
        "range": "Longitudes are from -180 to 180 and latitudes from -90 to 90, and south is at most north.",
    }

    def __init__(self, *, description: str) -> None:
        metadata = {"description": description, "examples": ["-10,35,30,60"], "pattern": BOX}
        super().__init__(metadata=metadata)

    def _deserialize(  # type: ignore[override]  # it returns no text
        self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any
    ) -> dict[str, float | bool]:
        if not re.fullmatch(BOX, value, re.ASCII):
            raise self.make_error("invalid")
        numbers = [float(part) for part in value.split(",")]
        if len(numbers) == 6:
            numbers = [*numbers[:2], *numbers[3:5]]
        west, south, east, north = numbers
        if not (-180 <= west <= 180 and -180 <= east <= 180 and -90 <= south <= north <= 90):
            raise self.make_error("range")
        edges: dict[str, float | bool] = {f"bbox_{edge}": number for edge, number in zip(EDGES, numbers, strict=True)}
        return edges | {"bbox_crosses": west > east}


class Interval(fields.String):
    """An instant, or two separated by a slash, of which one may be open: `..` or empty. A date is the whole day."""

    default_error_messages = {
        "invalid": "Must be a time, or an interval such as 2000-01-01T00:00:00Z/2000-12-31T00:00:00Z or 2000-01-01/..",
        "order": "The interval ends before it begins.",
    }

    def __init__(self, *, description: str) -> None:
        super().__init__(metadata={"description": description, "examples": ["2000-01-01/.."]})

    def _deserialize(  # type: ignore[override]  # it returns no text
        self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any
    ) -> dict[str, datetime]:
        first, slash, last = str(value).partition("/")
        if not slash:
            last = first
        if "/" in last or (first in OPEN and last in OPEN):
            raise self.make_error("invalid")
        start = FIRST if first in OPEN else self._time(first)
        end = LAST if last in OPEN else self._time(last)
        if DATE.fullmatch(last):
            end = datetime.combine(end, time.max, UTC)
        if start > end:
            raise self.make_error("order")
        return {"datetime_start": start, "datetime_end": end}

    def _time(self, text: str) -> datetime:
        try:
            found: datetime = TimeOrDate(description="").deserialize(text)
        except ValidationError as error:
            lost_plus = LOST_PLUS.fullmatch(text)
            raise error if lost_plus else self.make_error("invalid") from None
        return found
