"""Converts rows and records to the JSON objects that a read schema declares.

The result equals that of marshmallow's `dump`, in a fraction of the time (see tests/schemas/test_serialiser.py).
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import lru_cache, partial
from typing import Any

from marshmallow import Schema, fields

from app.database.fairness import paced
from app.schemas.fields import Choice, Flag, Number, Real, Text, Timestamp

# Fields whose values, times included, `app.web.json` encodes as the fields would.
PLAIN = (Choice, Flag, Number, Real, Text, Timestamp, fields.Dict, fields.List)


class Serialiser:
    """Converts rows and records to JSON objects with the fields of `schema`, or with `names` those fields only.

    `columns` are the columns that a row must begin with: `bakery.name` is the name of the bakery that the record refers
    to. `lists` are the fields that list other records, which a row does not contain. `legacy` omits the `Z` of the
    times that the original has too.
    """

    def __init__(self, schema: type[Schema], names: frozenset[str] | None, legacy: bool = False) -> None:
        dumped = schema().dump_fields
        nested = {name: field for name, field in dumped.items() if isinstance(field, fields.Nested)}
        related = {name: serialiser(type(field.schema), legacy=legacy) for name, field in nested.items()}
        parts = {name: related[name] for name, field in nested.items() if not field.many}
        plain = {name: field for name, field in dumped.items() if isinstance(field, PLAIN)}
        if [*plain, *parts, *(name for name in nested if name not in parts)] != list(dumped):
            raise TypeError(f"{schema.__name__} needs plain fields, then objects, then lists.")
        json_names = {name: field.data_key or name for name, field in plain.items()}
        self.attributes = tuple(name for name in plain if names is None or json_names[name] in names)
        self.names = tuple(json_names[name] for name in self.attributes)
        self.parts = {name: part for name, part in parts.items() if names is None or name in names}
        self.lists = {name: related[name] for name, field in nested.items() if field.many}
        self.legacy_times = [json_names[name] for name in self.attributes if legacy and _in_original(plain[name])]
        inner = (f"{name}.{column}" for name, part in self.parts.items() for column in part.columns)
        self.columns: tuple[str, ...] = (*self.attributes, *inner)

    def rows(self, rows: Sequence[Sequence[Any]]) -> list[dict[str, Any]]:
        """The objects of `rows`, without their `lists`. A row may have values after those of `columns`."""
        names = self.names
        objects: list[dict[str, Any]] = [dict(zip(names, row, strict=False)) for row in rows]
        self._omit_zones(objects)
        start = len(names)
        for name, part in self.parts.items():
            end = start + len(part.columns)
            for item, inner in zip(objects, part.rows([row[start:end] for row in rows]), strict=True):
                item[name] = inner
            start = end
        return objects

    def record(self, record: Any) -> dict[str, Any]:
        """The object of a record or a mapping."""
        value = record.__getitem__ if isinstance(record, Mapping) else partial(getattr, record)
        json_object = dict(zip(self.names, map(value, self.attributes), strict=True))
        self._omit_zones([json_object])
        for name, part in self.parts.items():
            json_object[name] = part.record(value(name))
        for name, part in self.lists.items():
            json_object[name] = [part.record(item) for item in paced(value(name))]
        return json_object

    def _omit_zones(self, objects: list[dict[str, Any]]) -> None:
        for name in self.legacy_times:
            for json_object in objects:
                if (time := json_object[name]) is not None:
                    json_object[name] = original_time(time)


def original_time(time: datetime) -> str:
    """`time` as the original wrote it: in UTC without a `Z`, without microseconds if they are 0."""
    return (time.astimezone(UTC).replace(tzinfo=None) if time.tzinfo else time).isoformat()


def _in_original(field: fields.Field[Any]) -> bool:
    return isinstance(field, Timestamp) and field.in_original


@lru_cache(maxsize=128)
def serialiser(schema: type[Schema], names: frozenset[str] | None = None, *, legacy: bool = False) -> Serialiser:
    return Serialiser(schema, names, legacy)
