"""Fields that accept exactly the values of the wire contract, without coercion."""

import re
from collections.abc import Callable, Mapping
from copy import copy
from datetime import UTC, datetime
from typing import Any, ClassVar

from marshmallow import Schema, ValidationError, fields, validate

from app.database.columns import wire_time
from app.database.fairness import BATCH, in_batches
from app.database.names import normal

WITHOUT_OFFSET = r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d+)?"
RFC3339 = re.compile(rf"{WITHOUT_OFFSET}([Zz]|[+-]([01]\d|2[0-3]):[0-5]\d)?", re.ASCII)
LOST_PLUS = re.compile(rf"{WITHOUT_OFFSET} \d\d:\d\d", re.ASCII)
DATE = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
REAL = re.compile(r"-?[0-9]{1,18}(\.[0-9]{1,18})?([eE][+-]?[0-9]{1,3})?", re.ASCII)
# Values of a query parameter: a text without other backslashes, a value before a comma, and an escaped character.
ESCAPED = re.compile(r"(?:[^\\]|\\[,\\])*", re.DOTALL)
SEPARATED = re.compile(r"((?:[^,\\]|\\[,\\])*),", re.DOTALL)
ESCAPE = re.compile(r"\\([,\\])")
# The same for texts of a parameter in the syntax of JSON Schema.
PIECE = r"([^\u0000,\\]|\\[,\\])"
NAME = rf"{PIECE}*([^\s\u0000,\\]|\\[,\\]){PIECE}*"
VALUES, VALUES_OR_EMPTY, NAMES = (f"^{value}(,{value})*$" for value in (f"{PIECE}+", f"{PIECE}*", NAME))
WITHOUT_NUL = r"^[^\u0000]*$"  # in the syntax of JSON Schema
NOT_BLANK = r"^[^\u0000]*[^\s\u0000][^\u0000]*$"


class Text(fields.String):
    """A string of `minimum` to `maximum` characters that passes `rules`, without NUL, which PostgreSQL cannot store."""

    default_error_messages = {"nul": "Must not contain the character U+0000."}

    def __init__(
        self,
        minimum: int,
        maximum: int,
        *,
        description: str,
        example: str,
        pattern: str = WITHOUT_NUL,
        rules: tuple[Callable[[str], None], ...] = (),
        **options: Any,
    ) -> None:
        metadata = {"description": description, "examples": [example], "pattern": pattern}
        self.values = VALUES if minimum else VALUES_OR_EMPTY  # the pattern of a query parameter with several of them
        super().__init__(validate=[validate.Length(minimum, maximum), *rules], metadata=metadata, **options)

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> str:
        text = super()._deserialize(value, attr, data, **kwargs)
        if "\0" in text:
            raise self.make_error("nul")
        return text


class Name(Text):
    """A text by which a record is found, in its normal form, so that names that look alike are equal.

    `convert` returns the usual form of a name; None if it does not know the name, which is then left as it is.
    """

    def __init__(
        self, minimum: int, maximum: int, *, convert: Callable[[str], str | None] = lambda _: None, **options: Any
    ) -> None:
        super().__init__(minimum, maximum, **{"pattern": NOT_BLANK} | options)
        self.convert, self.values = convert, NAMES

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> str:
        name = normal(super()._deserialize(value, attr, data, **kwargs))
        return self.convert(name) or name


class Choice(fields.String):
    """One of the strings in `choices`, which OpenAPI has as the schema `component`."""

    def __init__(
        self, choices: tuple[str, ...], *, component: str, description: str, example: str = "", **options: Any
    ) -> None:
        metadata = {"description": description, "examples": [example or choices[0]], "component": component}
        only = validate.OneOf(choices, error="Must be one of: {choices}.")
        super().__init__(validate=only, metadata=metadata, **options)


class Flag(fields.Boolean):
    """A JSON boolean. In a query string: true, True, 1, false, False or 0."""

    WORDS: ClassVar = {"true": True, "True": True, "1": True, "false": False, "False": False, "0": False}

    def __init__(self, *, description: str, example: bool = False, in_query: bool = False, **options: Any) -> None:
        super().__init__(metadata={"description": description, "examples": [example]}, **options)
        self.in_query = in_query

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> bool:
        if self.in_query:
            value = self.WORDS.get(value)
        if not isinstance(value, bool):
            raise self.make_error("invalid", input=value)
        return value


class Number(fields.Integer):
    """A JSON integer. In a query string: up to 19 ASCII digits, with an optional minus sign."""

    def __init__(
        self, minimum: int, maximum: int, *, description: str, example: int, in_query: bool = False, **options: Any
    ) -> None:
        metadata = {"description": description, "examples": [example]}
        super().__init__(strict=True, validate=validate.Range(minimum, maximum), metadata=metadata, **options)
        self.in_query = in_query

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> int:
        if self.in_query:
            if not re.fullmatch("-?(0|[1-9][0-9]{0,18})", value):
                raise self.make_error("invalid", input=value)
            value = int(value)
        return super()._deserialize(value, attr, data, **kwargs)


class Real(fields.Float):
    """A JSON number, in a query string with up to 18 digits before and after the point."""

    def __init__(
        self,
        minimum: float,
        maximum: float,
        *,
        description: str,
        example: float,
        in_query: bool = False,
        **options: Any,
    ) -> None:
        metadata = {"description": description, "examples": [example]}
        super().__init__(validate=validate.Range(minimum, maximum), metadata=metadata, **options)
        self.in_query = in_query

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> float:
        given = REAL.fullmatch(value) if self.in_query else type(value) in (int, float)
        if not given:
            raise self.make_error("invalid", input=value)
        return super()._deserialize(value, attr, data, **kwargs)


class Timestamp(fields.DateTime):
    """A time. Input is RFC 3339, in UTC without an offset. Output is UTC with a `Z`, microseconds only if not zero.

    `in_original` says that the original API has the field too; with LEGACY_TIMESTAMPS its output has no `Z`.
    """

    default_error_messages = {
        "invalid": "Must be an RFC 3339 timestamp, such as 2022-03-03T02:29:54Z.",
        "lost_plus": "Must be an RFC 3339 timestamp, such as 2022-03-03T02:29:54Z. The offset has a blank instead of "
        "its sign: in a query, write + as %2B.",
        "out_of_range": "Must be between the years 1 and 9999 in UTC.",
    }

    def __init__(
        self, *, description: str, example: str = "2022-03-03T02:29:54Z", in_original: bool = False, **options: Any
    ) -> None:
        metadata = {"description": description, "examples": [example]}
        super().__init__(metadata=metadata, **options)
        self.in_original = in_original

    def _serialize(self, value: datetime | None, attr: str | None, obj: Any, **kwargs: Any) -> str | None:
        return None if value is None else wire_time(value)

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> datetime:
        if not isinstance(value, str) or not RFC3339.fullmatch(value):
            lost_plus = isinstance(value, str) and LOST_PLUS.fullmatch(value)
            raise self.make_error("lost_plus" if lost_plus else "invalid")
        try:
            time = datetime.fromisoformat(value.upper())
        except ValueError:
            raise self.make_error("invalid") from None
        try:
            return time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)
        except OverflowError:
            raise self.make_error("out_of_range") from None


class TimeOrDate(Timestamp):
    """A time in a query string, or a date, which means its midnight in UTC."""

    default_error_messages = {
        "invalid": "Must be an RFC 3339 timestamp or a date, such as 2022-03-03T02:29:54Z or 2022-03-03."
    }

    def __init__(self, *, description: str) -> None:
        super().__init__(description=f"{description} A date means its midnight in UTC.")
        types = [{"type": "string", "format": form} for form in ("date-time", "date")]
        self.metadata = {**self.metadata, "component": "TimeOrDate", "anyOf": types}

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> datetime:
        return super()._deserialize(f"{value}T00:00:00" if DATE.fullmatch(value) else value, attr, data, **kwargs)


class Values(fields.List[Any]):
    """A query parameter with several values: it is repeated, or its values are separated by commas.

    A comma in a value is written `\\,`, and a backslash `\\\\`.
    """

    default_error_messages = {"escape": "A backslash must be followed by a comma or a backslash."}

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> list[Any]:
        values = [part for text in value for part in self.split(text)]
        return super()._deserialize(values, attr, data, **kwargs)

    def split(self, text: str) -> list[str]:
        """The values in `text`. Raises a validation error for a backslash before any other character."""
        if "\\" not in text:
            return text.split(",")
        if not ESCAPED.fullmatch(text):
            raise self.make_error("escape")
        return [ESCAPE.sub(r"\1", part) for part in SEPARATED.findall(text + ",")]


class FieldFilter(Values):
    """A query parameter that filters by the values of `field`, which match any of them."""

    def __init__(self, field: fields.Field[Any], name: str) -> None:
        value: Any = copy(field)
        value.required = value.allow_none = False
        value.in_query = True
        if isinstance(field, Text):
            value.metadata = {**field.metadata, "pattern": field.values}
        metadata = {
            "description": f"Only records with any of these values of `{name}`. {field.metadata['description']}",
            "examples": [[field.metadata["examples"][0]]],
        }
        super().__init__(value, metadata=metadata)


class FieldNames(Values):
    """Some of the field names in `choices`."""

    def __init__(self, choices: tuple[str, ...], *, component: str, description: str, example: list[str]) -> None:
        name = Choice(choices, component=component, description="The name of a field.")
        metadata = {"description": description, "examples": [example]}
        super().__init__(name, validate=validate.Length(1), metadata=metadata)


class ObjectList(fields.Nested):
    """A list of objects of another schema. A list in a request has 1 to `maximum` items."""

    def __init__(self, schema: type[Schema], *, description: str, maximum: int | None = None) -> None:
        length = validate.Length(1, maximum) if maximum else None
        super().__init__(schema, many=True, required=True, validate=length, metadata={"description": description})

    def _serialize(  # type: ignore[override]  # marshmallow calls the value by two names
        self, nested_obj: Any, attr: str | None, obj: Any, **kwargs: Any
    ) -> list[Any]:
        dump: Callable[..., list[Any]] = super()._serialize
        return [item for batch in in_batches(nested_obj) for item in dump(batch, attr, obj, **kwargs)]

    def _deserialize(
        self, value: Any, attr: str | None, data: Mapping[str, Any] | None, partial: Any = None, **kwargs: Any
    ) -> Any:
        """The items, loaded in batches: a thousand at once would keep other requests waiting."""
        if not isinstance(value, list):
            return super()._deserialize(value, attr, data, partial, **kwargs)
        for validator in self.validators:
            validator(value)  # before the items are looked at, because a hostile list has millions of them
        load: Callable[..., list[Any]] = super()._deserialize
        return load_in_batches(lambda batch: load(batch, attr, data, partial, **kwargs), value)


def load_in_batches(load: Callable[[list[Any]], list[Any]], items: list[Any]) -> list[Any]:
    """What `load` returns for `items`, of which it gets a batch at a time. Raises the errors of all batches."""
    loaded: list[Any] = []
    errors: dict[Any, Any] = {}
    for number, batch in enumerate(in_batches(items)):
        try:
            loaded += load(batch)
        except ValidationError as error:
            errors |= {number * BATCH + int(index): found for index, found in error.messages_dict.items()}
    if errors:
        raise ValidationError(errors)
    return loaded
