"""What read schemas dump, without their machinery: functions compiled once of the names that a schema declares.

marshmallow's own `dump` says what is right; tests/schemas/test_serialiser.py compares the two.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import lru_cache, partial
from typing import Any

from marshmallow import Schema, fields

from app.schemas.fields import Choice, Flag, Number, Text, Timestamp

# Fields whose values `app.web.json` writes as the fields themselves would, times included.
PLAIN = (Choice, Flag, Number, Text, Timestamp, fields.Dict, fields.List)


class Serialiser:
    """Makes the JSON objects of `schema`, or with `names` objects of those members only, of records or of rows.

    `columns` are the attributes that a row begins with: `bakery.name` is the name of the bakery that the record refers
    to. `lists` are the members that list other records, which no row has.
    """

    def __init__(self, schema: type[Schema], names: frozenset[str] | None) -> None:
        members = schema().dump_fields
        nested = {name: field for name, field in members.items() if isinstance(field, fields.Nested)}
        parts = {name: serialiser(type(field.schema)) for name, field in nested.items() if not field.many}
        plain = {name: field for name, field in members.items() if isinstance(field, PLAIN)}
        if [*plain, *parts, *(name for name in nested if name not in parts)] != list(members):
            raise TypeError(f"{schema.__name__} needs plain members, then objects, then lists.")
        wire = {name: field.data_key or name for name, field in plain.items()}
        self.attributes = tuple(name for name in plain if names is None or wire[name] in names)
        self.names = tuple(wire[name] for name in self.attributes)
        self.parts = {name: part for name, part in parts.items() if names is None or name in names}
        self.lists = {name: serialiser(type(field.schema)) for name, field in nested.items() if field.many}
        inner = (f"{name}.{column}" for name, part in self.parts.items() for column in part.columns)
        self.columns: tuple[str, ...] = (*self.attributes, *inner)
        # The objects of rows, without their `lists`.
        self.rows = self._compile()

    def _compile(self) -> Callable[[Sequence[Sequence[Any]]], list[dict[str, Any]]]:
        """`lambda rows: [{'id': v0, 'bakery': {'name': v1}} for [v0, v1, *_] in rows]`: half the time of `zip`."""
        variables = [f"v{number}" for number in range(len(self.columns))]
        source = f"lambda rows: [{self._display(iter(variables))} for [{', '.join([*variables, '*_'])}] in rows]"
        compiled: Callable[[Sequence[Sequence[Any]]], list[dict[str, Any]]] = eval(source)
        return compiled

    def _display(self, variables: Iterator[str]) -> str:
        """The object as Python writes a dict, of these variables."""
        members = [f"{name!r}: {next(variables)}" for name in self.names]
        members += [f"{name!r}: {part._display(variables)}" for name, part in self.parts.items()]
        return f"{{{', '.join(members)}}}"

    def record(self, record: Any) -> dict[str, Any]:
        """The object of a record or a mapping."""
        member = record.__getitem__ if isinstance(record, Mapping) else partial(getattr, record)
        whole = dict(zip(self.names, map(member, self.attributes), strict=True))
        for name, part in self.parts.items():
            whole[name] = part.record(member(name))
        for name, part in self.lists.items():
            whole[name] = [part.record(item) for item in member(name)]
        return whole


@lru_cache(maxsize=128)
def serialiser(schema: type[Schema], names: frozenset[str] | None = None) -> Serialiser:
    return Serialiser(schema, names)
