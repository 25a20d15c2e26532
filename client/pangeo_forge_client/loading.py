"""Records from JSON: times become times of Python, and objects become records."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from dataclasses import MISSING, fields
from functools import cache, partial
from typing import Any, TypeVar, get_args, get_type_hints

from pangeo_forge_client.errors import UnexpectedAnswerError
from pangeo_forge_client.transport import Transport

R = TypeVar("R", bound="Record")


class Record:
    """A record as the service sent it. `values` is its JSON, also with fields that this release does not know."""

    values: Mapping[str, Any]
    transport: Transport


def load(kind: type[R], values: Mapping[str, Any], transport: Transport) -> R:
    """The record with these values of JSON. Raises UnexpectedAnswerError if a field is missing."""
    given: dict[str, Any] = {}
    described = _fields(kind)  # type: ignore[arg-type]  # mypy does not know that a class is hashable
    for name, (key, convert, required) in described.items():
        if key in values:
            given[name] = values[key] if values[key] is None else convert(values[key], transport)
        elif required:
            raise UnexpectedAnswerError(f"{transport.server} answered with a record without {key}: {dict(values)}")
    record = kind(**given)
    object.__setattr__(record, "values", values)  # not fields, so that neither is in `repr()` or in a table of pandas
    object.__setattr__(record, "transport", transport)
    return record


def time_of(text: str) -> dt.datetime:
    """A time of the service. One without a zone is in UTC."""
    time = dt.datetime.fromisoformat(text.replace("Z", "+00:00"))
    return time if time.tzinfo else time.replace(tzinfo=dt.timezone.utc)


@cache
def _fields(kind: type[Record]) -> dict[str, tuple[str, Callable[[Any, Transport], Any], bool]]:
    """For each field of `kind` its name in JSON, the function that converts it, and whether it is required."""
    hints = get_type_hints(kind)
    return {
        each.name: (each.metadata.get("name", each.name), _converter(hints[each.name]), each.default is MISSING)
        for each in fields(kind)  # type: ignore[arg-type]  # every kind is a dataclass
    }


def _converter(hint: Any) -> Callable[[Any, Transport], Any]:
    for option in (hint, *get_args(hint)):
        if option is dt.datetime:
            return _time
        if isinstance(option, type) and issubclass(option, Record):
            return partial(_loaded, option)
    return _unchanged


def _loaded(kind: type[R], value: Any, transport: Transport) -> R | list[R]:
    """The record, or the records of a list."""
    if isinstance(value, list):
        return [load(kind, values, transport) for values in value]
    return load(kind, value, transport)


def _time(value: str, _transport: Transport) -> dt.datetime:
    return time_of(value)


def _unchanged(value: object, _transport: Transport) -> object:
    return value
