"""The SpatioTemporal Asset Catalog on the wire (https://github.com/radiantearth/stac-spec, stac-api-spec)."""

from functools import partial

from marshmallow import Schema, fields

from app.database.columns import BIGINT_MAX
from app.schemas.base import LIMIT_MAX, AnswerSchema
from app.schemas.fields import Number, ObjectList, Text

RequiredText = partial(Text, 1, 10_000, required=True)
Type = partial(Text, 1, 255, description="The media type.", example="application/json")
ConformsTo = partial(
    fields.List,
    fields.String(),
    required=True,
    metadata={
        "description": "The urls of the conformance classes.",
        "examples": [["https://api.stacspec.org/v1.0.0/core"]],
    },
)


class StacLink(AnswerSchema):
    rel = RequiredText(description="The relation of the target to this object.", example="self")
    href = RequiredText(description="The url of the target.", example="https://api.pangeo-forge.org/stac")
    type = Type()
    title = Text(1, 1000, description="The title of the target.", example="pangeo-forge/gpcp-feedstock: gpcp")


class StacAsset(AnswerSchema):
    href = RequiredText(description="The url of the dataset.", example="https://data.org/gpcp.zarr")
    type = Type(example="application/vnd.zarr")
    roles = fields.List(fields.String(), required=True, metadata={"examples": [["data"]]})


class StacProvider(AnswerSchema):
    name = RequiredText(description="The bakery of the newest build.", example="pangeo-ldeo-nsf-earthcube")
    roles = fields.List(fields.String(), required=True, metadata={"examples": [["processor"]]})


class StacObject(AnswerSchema):
    type = RequiredText(description="`Catalog` or `Collection`.", example="Catalog")
    stac_version = RequiredText(description="The version of STAC.", example="1.1.0")
    id = RequiredText(description="The id of the object.", example="pangeo-forge")
    title = RequiredText(description="The title of the object.", example="Pangeo Forge")
    description = RequiredText(description="A description of the object.", example="Datasets that recipes built.")
    links = ObjectList(StacLink, description="The links to related objects.")


class StacLanding(StacObject):
    conforms_to = ConformsTo(data_key="conformsTo")


class StacConformance(AnswerSchema):
    conforms_to = ConformsTo(data_key="conformsTo")


class StacCollection(StacObject):
    license = RequiredText(description="Always `other`: the service does not know the licence.", example="other")
    extent = fields.Dict(
        required=True,
        metadata={
            "description": "Always the whole world and all time: the service does not read the dataset.",
            "examples": [{"spatial": {"bbox": [[-180, -90, 180, 90]]}, "temporal": {"interval": [[None, None]]}}],
        },
    )
    providers = ObjectList(StacProvider, description="The bakery that ran the newest build.")
    created = RequiredText(description="When the first build started.", example="2022-03-03T02:29:54Z")
    updated = RequiredText(description="When the newest build started.", example="2022-03-03T02:29:54Z")
    assets = fields.Dict(
        keys=fields.String(),
        values=fields.Nested(StacAsset),
        required=True,
        metadata={
            "description": "The dataset, under its type, or under `data` if its type is unknown. Empty if its url is a "
            "script, such as `javascript:`.",
            "examples": [
                {"zarr": {"href": "https://data.org/gpcp.zarr", "type": "application/vnd.zarr", "roles": ["data"]}}
            ],
        },
    )


class StacCollections(AnswerSchema):
    collections = ObjectList(StacCollection, description="The collections, ordered by id.")
    links = ObjectList(
        StacLink, description="Links to the root, to this page, and to the next page if there may be one."
    )


class StacPageQuery(Schema):
    limit = Number(
        1,
        LIMIT_MAX,
        in_query=True,
        load_default=100,
        example=10,
        description="The maximum number of collections to return.",
    )
    offset = Number(
        0, BIGINT_MAX, in_query=True, load_default=0, example=0, description="How many collections to skip."
    )
