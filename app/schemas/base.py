"""Base classes of the schemas, and the query of a list."""

from functools import partial
from typing import Any

from marshmallow import EXCLUDE, Schema, ValidationError, fields, pre_load
from marshmallow.exceptions import SCHEMA

from app.database.columns import BIGINT_MAX, INTEGER_MAX, KEY_LENGTH
from app.schemas.fields import Choice, FieldFilter, FieldNames, Flag, Number, Text, TimeOrDate

LIMIT_MAX = 1000
COMPOUND = (fields.Dict, fields.List, fields.Nested)
FIELDS_MAX = 64  # of an object in a request; no record has as many
CURSOR_MAX = 4000  # characters; a request line has room for 8190 bytes

Id = partial(Number, 1, INTEGER_MAX, description="The id of the record. The service assigns it.", example=1)
BigId = partial(Number, 1, BIGINT_MAX, description="The id of the entry. The service assigns it.", example=1)


def time_range(what: str) -> dict[str, Any]:
    """The parameters `since` and `until` of a list. `what` says what they compare, which its model declares."""
    return {
        "since": TimeOrDate(description=f"Only {what} at this time or later."),
        "until": TimeOrDate(description=f"Only {what} before this time."),
    }


class AnswerSchema(Schema):
    """An answer. Every field is always present. `EXCLUDE` lets later releases add fields without breaking OpenAPI."""

    class Meta:
        unknown = EXCLUDE


class ReadSchema(AnswerSchema):
    """An answer that is a record or a list of records. `app.schemas.serialiser` writes it."""


class PartSchema(Schema):
    """A request of another system, or a part of it, which has other fields than those that are read.

    A field that is null is like one that is missing, and nulls in lists are ignored.
    """

    class Meta:
        unknown = EXCLUDE

    @pre_load
    def drop_null(self, data: Any, **_: Any) -> Any:
        if not isinstance(data, dict):
            return data
        found = without_null(data).items()
        return {name: without_null(value) if isinstance(value, list) else value for name, value in found}


def without_null(value: Any) -> Any:
    """An object without its fields that are null, or a list without its nulls. Any other value stays as it is."""
    if isinstance(value, dict):
        return {name: item for name, item in value.items() if item is not None}
    return [item for item in value if item is not None] if isinstance(value, list) else value


class WriteSchema(Schema):
    """The body of a request. An object with more than FIELDS_MAX fields is refused before its fields are read."""

    @pre_load(pass_collection=True)
    def refuse_too_many_fields(self, data: Any, many: bool, **_: Any) -> Any:
        for index, item in enumerate(data if many and isinstance(data, list) else [data]):
            if isinstance(item, dict) and len(item) > FIELDS_MAX:
                sentence = {SCHEMA: [f"has {len(item)} fields, more than any record has."]}
                raise ValidationError({index: sentence} if many else sentence)
        return data


class PageQuery(Schema):
    """The query parameters that all lists share."""

    limit = Number(
        0,
        LIMIT_MAX,
        in_query=True,
        load_default=100,
        example=10,
        description="The maximum number of records to return.",
    )
    offset = Number(
        0,
        BIGINT_MAX,
        in_query=True,
        load_default=0,
        example=0,
        description="How many records to skip. A large offset is slow; the links of the header `Link` are not.",
    )
    cursor = Text(
        1,
        CURSOR_MAX,
        description="The cursor from a `Link` header of the same list in the same order.",
        example="WzEwMCxmYWxzZV0.1RTTb9vSFlzPGcOL0ZIAC4XgaEg",
    )
    count = Flag(
        in_query=True,
        load_default=False,
        example=True,
        description="Return the number of matching records on all pages in the header `X-Total-Count`.",
    )


def page_query(
    name: str,
    read: type[Schema],
    order_by: str = "id",
    sort: str = "asc",
    base: type[Schema] = PageQuery,
    orders: tuple[str, ...] = (),
    omit: tuple[str, ...] = (),
    **filters: fields.Field[Any],
) -> type[Schema]:
    """Return the query schema of a list of `read` records. `order_by` and `sort` are the default order.

    A client can order and filter by every scalar field of `read` that is not `dump_only`, and by `filters`. The loaded
    values contain only the filters that the request has. `base` has the other parameters. `orders` are other orders.
    There is no index for the fields of `omit`, so no list is ordered or filtered by them.
    """
    all_fields = read().fields
    scalars = {
        name: field
        for name, field in all_fields.items()
        if not isinstance(field, COMPOUND) and not field.dump_only and name not in omit
    }
    field_filters = {name: FieldFilter(field, name) for name, field in scalars.items()}
    names = [str(field.data_key or field.name) for field in all_fields.values()]
    parameters = _order_and_fields(name.removesuffix("Query"), names, [*scalars, *orders], order_by, sort)
    return base.from_dict(parameters | field_filters | filters, name=name)


def _order_and_fields(
    noun: str, names: list[str], scalars: list[str], order_by: str, sort: str
) -> dict[str, fields.Field[Any]]:
    """Return the parameters for the order (by one of `scalars`) and for the fields to return (some of `names`)."""
    return {
        "order_by": Choice(
            ("id", *(name for name in scalars if name != "id")),
            component=f"{noun}Order",
            load_default=order_by,
            description=f"The field to order by. Records with equal values are ordered by `id`. Text is ordered by "
            f"code point, long text by its first {KEY_LENGTH} characters.",
        ),
        "sort": Choice(
            ("asc", "desc"),
            component="Direction",
            load_default=sort,
            description="Ascending (nulls last) or descending (nulls first).",
        ),
        "fields": FieldNames(
            tuple(names),
            component=f"{noun}Field",
            description="The fields of each record to return; all fields by default. The other "
            "fields of the record are then missing in the answer, even those that its schema requires.",
            example=names[:2],
        ),
    }
