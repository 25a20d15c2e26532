"""Counts on the wire."""

from marshmallow import Schema

from app.schemas.base import BIGINT_MAX, ReadSchema
from app.schemas.fields import Flag, Number


class Count(ReadSchema):
    count = Number(0, BIGINT_MAX, required=True, description="How many there are.", example=1416)


class DatasetCountQuery(Schema):
    exclude_test_runs = Flag(
        in_query=True, load_default=False, description="Count published datasets of production runs only."
    )
