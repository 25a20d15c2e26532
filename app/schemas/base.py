"""What schemas have in common."""

from functools import partial
from typing import Any

from marshmallow import EXCLUDE, Schema

from app.schemas.fields import Choice, Number

INTEGER_MAX = 2**31 - 1
BIGINT_MAX = 2**63 - 1
LIMIT_MAX = 1000

Id = partial(Number, 1, INTEGER_MAX, description="The number of the record, given by the service.", example=1)


class ReadSchema(Schema):
    """An answer: every member is always there. (`EXCLUDE` keeps OpenAPI from saying that there can never be others.)"""

    class Meta:
        unknown = EXCLUDE


def page_query(name: str, columns: tuple[str, ...]) -> type[Schema]:
    """The query of a list that can be ordered by `columns`."""
    members: dict[str, Any] = {
        "limit": Number(
            0, LIMIT_MAX, in_query=True, load_default=100, example=10, description="How many records to return at most."
        ),
        "offset": Number(
            0, BIGINT_MAX, in_query=True, load_default=0, example=0, description="How many records to skip."
        ),
        "order_by": Choice(
            columns, load_default="id", description="The member to order by; records that are equal in it go by `id`."
        ),
        "sort": Choice(
            ("asc", "desc"),
            load_default="asc",
            description="Ascending (nulls last) or descending (nulls first).",
        ),
    }
    return Schema.from_dict(members, name=name)
