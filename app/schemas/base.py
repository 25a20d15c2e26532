"""What schemas have in common."""

from functools import partial
from typing import Any

from marshmallow import EXCLUDE, Schema, ValidationError, fields, pre_load
from marshmallow.exceptions import SCHEMA

from app.database.columns import BIGINT_MAX, INTEGER_MAX, KEY_LENGTH
from app.schemas.fields import Choice, Flag, Names, Number, Repeated, Text

LIMIT_MAX = 1000
COMPOUND = (fields.Dict, fields.List, fields.Nested)
MEMBERS_MAX = 64
CURSOR_MAX = 4000  # characters; a request line has room for 8190 bytes

Id = partial(Number, 1, INTEGER_MAX, description="The number of the record, given by the service.", example=1)
BigId = partial(Number, 1, BIGINT_MAX, description="The number of the entry, given by the service.", example=1)


class AnswerSchema(Schema):
    """An answer: every member is always there. (`EXCLUDE` keeps OpenAPI from saying that there can never be others.)"""

    class Meta:
        unknown = EXCLUDE


class ReadSchema(AnswerSchema):
    """The answer is a record, or many, and made by `app.schemas.serialiser`."""


class WriteSchema(Schema):
    """What a request sends. An object with far more members than any record has is refused without a look at them."""

    @pre_load(pass_collection=True)
    def refuse_crowd(self, data: Any, many: bool, **_: Any) -> Any:
        for index, item in enumerate(data if many and isinstance(data, list) else [data]):
            if isinstance(item, dict) and len(item) > MEMBERS_MAX:
                sentence = {SCHEMA: [f"has {len(item)} members, far more than there are."]}
                raise ValidationError({index: sentence} if many else sentence)
        return data


class PageQuery(Schema):
    """What the queries of all lists have in common."""

    limit = Number(
        0, LIMIT_MAX, in_query=True, load_default=100, example=10, description="How many records to return at most."
    )
    offset = Number(
        0,
        BIGINT_MAX,
        in_query=True,
        load_default=0,
        example=0,
        description="How many records to skip. It costs more the more they are; following `Link` does not.",
    )
    cursor = Text(
        1,
        CURSOR_MAX,
        description="Where to go on, as a link of another page of the same list in the same order has it.",
        example="WzEwMCxmYWxzZV0.1RTTb9vSFlzPGcOL0ZIAC4XgaEg",
    )
    count = Flag(
        in_query=True,
        load_default=False,
        example=True,
        description="Count the records that fit the filters, on all pages, in the header `X-Total-Count`.",
    )


def page_query(
    name: str, read: type[Schema], order_by: str = "id", sort: str = "asc", **filters: fields.Field[Any]
) -> type[Schema]:
    """The query of a list whose records are as `read` says, and which goes by `order_by` unless asked otherwise.

    It can be ordered and filtered by the plain members of `read`, and by `filters` besides; members that are made for
    the answer (`dump_only`) are not plain. What a request does not filter by is not among the values it is loaded into.
    """
    members = read().fields
    plain = {name: field for name, field in members.items() if not isinstance(field, COMPOUND) and not field.dump_only}
    repeated = {name: Repeated(field, name) for name, field in plain.items()}
    shape = _shape([str(field.data_key or field.name) for field in members.values()], [*plain], order_by, sort)
    return PageQuery.from_dict(shape | repeated | filters, name=name)


def _shape(names: list[str], plain: list[str], order_by: str, sort: str) -> dict[str, fields.Field[Any]]:
    """The parameters for what the list goes by, of its `plain` members, and for which of all its members it shows."""
    return {
        "order_by": Choice(
            ("id", *(name for name in plain if name != "id")),
            load_default=order_by,
            description=f"The member to order by; records that are equal in it go by `id`. Text goes by code point, "
            f"and what may be longer than {KEY_LENGTH} characters by its first {KEY_LENGTH}.",
        ),
        "sort": Choice(
            ("asc", "desc"),
            load_default=sort,
            description="Ascending (nulls last) or descending (nulls first).",
        ),
        "fields": Names(
            tuple(names),
            description="The members that the records are to have; all of them by default.",
            example=names[:2],
        ),
    }
