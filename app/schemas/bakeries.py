"""Bakeries on the wire."""

from functools import partial

from app.schemas.base import Id, ReadSchema, WriteSchema, page_query
from app.schemas.common import IncludeRetired, RetiredAt
from app.schemas.fields import Name as NameField
from app.schemas.fields import ObjectList, Text
from app.schemas.recipe_runs import RecipeRunRead
from app.schemas.run_logs import LogUrl

Region = partial(
    NameField, 1, 255, description="The region of the bakery, as its cloud provider names it.", example="us-central1"
)
Name = partial(
    NameField, 1, 255, description="The name of the bakery. It is unique.", example="pangeo-ldeo-nsf-earthcube"
)
Description = partial(Text, 0, 10_000, description="What the bakery is and who runs it.", example="Operated by LDEO.")


class BakeryRead(ReadSchema):
    region = Region(required=True)
    name = Name(required=True)
    description = Description(required=True)
    id = Id(required=True)
    retired_at = RetiredAt(required=True)
    log_url = LogUrl(required=True)


class BakeryDetail(BakeryRead):
    recipe_runs = ObjectList(RecipeRunRead, description="All runs in this bakery, ordered by id.")


class BakeryCreate(WriteSchema):
    region = Region(required=True)
    name = Name(required=True)
    description = Description(required=True)
    log_url = LogUrl()


class BakeryUpdate(WriteSchema):
    region = Region()
    name = Name()
    description = Description()
    retired_at = RetiredAt()
    log_url = LogUrl()


BakeryQuery = page_query("BakeryQuery", BakeryRead, omit=("log_url",), include_retired=IncludeRetired())
