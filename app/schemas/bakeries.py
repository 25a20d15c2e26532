"""Bakeries on the wire."""

from functools import partial

from marshmallow import Schema

from app.schemas.base import Id, ReadSchema, page_query
from app.schemas.fields import Listed, Number, Text
from app.schemas.recipe_runs import RecipeRunRead

Region = partial(
    Text, 1, 255, description="Where the bakery runs, as its cloud calls the place.", example="us-central1"
)
Name = partial(
    Text, 1, 255, description="The name of the bakery; no two share one.", example="pangeo-ldeo-nsf-earthcube"
)
Description = partial(Text, 0, 10_000, description="What the bakery is and who runs it.", example="Operated by LDEO.")

Timeout = partial(
    Number,
    1,
    525_600,
    allow_none=True,
    description="How many minutes a run may be in progress here before the service times it out; null: a week.",
    example=1440,
)


class BakeryRead(ReadSchema):
    region = Region(required=True)
    name = Name(required=True)
    description = Description(required=True)
    id = Id(required=True)
    timeout_minutes = Timeout(required=True)


class BakeryDetail(BakeryRead):
    recipe_runs = Listed(RecipeRunRead, description="All runs in this bakery, by id.")


class BakeryCreate(Schema):
    region = Region(required=True)
    name = Name(required=True)
    description = Description(required=True)
    timeout_minutes = Timeout()


class BakeryUpdate(Schema):
    region = Region()
    name = Name()
    description = Description()
    timeout_minutes = Timeout()


BakeryQuery = page_query("BakeryQuery", BakeryRead)
