"""Python values as parameters of lists and as fields of requests."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from typing import Any, TypeAlias

Value: TypeAlias = "str | int | float | bool | dt.date | None"
Filter: TypeAlias = "Value | Iterable[Value]"

# The parameters whose value is one text. In all others a comma separates values, so a comma in a value is escaped.
ONE_TEXT = {"q", "variable", "keyword", "bbox", "datetime"}


def query(filters: Mapping[str, Filter]) -> list[tuple[str, str]]:
    """The parameters of a request. Several values of one filter match any of them; None is no filter."""
    return [(name, text) for name, value in filters.items() for text in _texts(name, value)]


def body(values: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of a request, with times as text."""
    return {name: _as_json(value) for name, value in values.items()}


def bounding_box(box: Iterable[float] | str | None) -> str | None:
    """West, south, east, north in degrees."""
    return box if box is None or isinstance(box, str) else ",".join(map(str, box))


def interval(value: str | dt.date | tuple[str | dt.date | None, str | dt.date | None] | None) -> str | None:
    """A time, or a pair of times of which one may be None, as STAC writes them."""
    if not isinstance(value, tuple):
        return None if value is None else _text(value)
    return "/".join(".." if time is None else _text(time) for time in value)


def _texts(name: str, value: Filter) -> Iterable[str]:
    if value is None:
        return []
    if isinstance(value, (str, int, float, dt.date)):
        text = _text(value)
        return [text if name in ONE_TEXT else _escaped(text)]
    return [_escaped(_text(item)) for item in value if item is not None]


def _text(value: str | int | float | dt.date) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return value.isoformat() if isinstance(value, dt.date) else str(value)


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace(",", "\\,")


def _as_json(value: object) -> object:
    return value.isoformat() if isinstance(value, dt.date) else value
