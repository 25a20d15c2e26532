"""The SpatioTemporal Asset Catalog on the wire (https://github.com/radiantearth/stac-spec, stac-api-spec)."""

from functools import partial

from marshmallow import Schema, fields

from app.database.columns import BIGINT_MAX
from app.schemas.base import LIMIT_MAX, AnswerSchema
from app.schemas.fields import Listed, Number, Text

Described = partial(Text, 1, 10_000, required=True)
Type = partial(Text, 1, 255, description="Its media type.", example="application/json")
ConformsTo = partial(
    fields.List,
    fields.String(),
    required=True,
    metadata={"description": "What it conforms to.", "examples": [["https://api.stacspec.org/v1.0.0/core"]]},
)


class StacLink(AnswerSchema):
    rel = Described(description="What it is to this.", example="self")
    href = Described(description="Where it is.", example="https://api.pangeo-forge.org/stac")
    type = Type()
    title = Text(1, 1000, description="What it is called.", example="pangeo-forge/gpcp-feedstock: gpcp")


class StacAsset(AnswerSchema):
    href = Described(description="Where the dataset is.", example="https://data.org/gpcp.zarr")
    type = Type(example="application/vnd.zarr")
    roles = fields.List(fields.String(), required=True, metadata={"examples": [["data"]]})


class StacProvider(AnswerSchema):
    name = Described(description="The bakery of the newest build.", example="pangeo-ldeo-nsf-earthcube")
    roles = fields.List(fields.String(), required=True, metadata={"examples": [["processor"]]})


class StacObject(AnswerSchema):
    type = Described(description="`Catalog` or `Collection`.", example="Catalog")
    stac_version = Described(description="The version of STAC.", example="1.1.0")
    id = Described(description="What it is known by.", example="pangeo-forge")
    title = Described(description="What it is called.", example="Pangeo Forge")
    description = Described(description="What it is.", example="Datasets that recipes have made.")
    links = Listed(StacLink, description="What it belongs with.")


class StacLanding(StacObject):
    conforms_to = ConformsTo(data_key="conformsTo")


class StacConformance(AnswerSchema):
    conforms_to = ConformsTo(data_key="conformsTo")


class StacCollection(StacObject):
    license = Described(description="`other`: the service does not know it.", example="other")
    extent = fields.Dict(
        required=True,
        metadata={
            "description": "The whole world at any time: the service has not looked inside.",
            "examples": [{"spatial": {"bbox": [[-180, -90, 180, 90]]}, "temporal": {"interval": [[None, None]]}}],
        },
    )
    providers = Listed(StacProvider, description="Who has made it.")
    created = Described(description="When the first build started.", example="2022-03-03T02:29:54Z")
    updated = Described(description="When the newest build started.", example="2022-03-03T02:29:54Z")
    assets = fields.Dict(
        keys=fields.String(),
        values=fields.Nested(StacAsset),
        required=True,
        metadata={
            "description": "The dataset, by its type, or as `data` if nobody has said what it is.",
            "examples": [
                {"zarr": {"href": "https://data.org/gpcp.zarr", "type": "application/vnd.zarr", "roles": ["data"]}}
            ],
        },
    )


class StacCollections(AnswerSchema):
    collections = Listed(StacCollection, description="The collections, by id.")
    links = Listed(StacLink, description="This page, and the next if there may be one.")


class StacPageQuery(Schema):
    limit = Number(
        1, LIMIT_MAX, in_query=True, load_default=100, example=10, description="How many collections to return at most."
    )
    offset = Number(
        0, BIGINT_MAX, in_query=True, load_default=0, example=0, description="How many collections to skip."
    )
