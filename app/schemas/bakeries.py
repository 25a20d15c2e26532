"""Bakeries on the wire."""

from functools import partial

from app.schemas.base import Id, ReadSchema, WriteSchema, page_query
from app.schemas.fields import Listed, Text
from app.schemas.recipe_runs import RecipeRunRead

Region = partial(
    Text, 1, 255, description="Where the bakery runs, as its cloud calls the place.", example="us-central1"
)
Name = partial(
    Text, 1, 255, description="The name of the bakery; no two share one.", example="pangeo-ldeo-nsf-earthcube"
)
Description = partial(Text, 0, 10_000, description="What the bakery is and who runs it.", example="Operated by LDEO.")


class BakeryRead(ReadSchema):
    region = Region(required=True)
    name = Name(required=True)
    description = Description(required=True)
    id = Id(required=True)


class BakeryDetail(BakeryRead):
    recipe_runs = Listed(RecipeRunRead, description="All runs in this bakery, by id.")


class BakeryCreate(WriteSchema):
    region = Region(required=True)
    name = Name(required=True)
    description = Description(required=True)


class BakeryUpdate(WriteSchema):
    region = Region()
    name = Name()
    description = Description()


BakeryQuery = page_query("BakeryQuery", BakeryRead)
