"""The SpatioTemporal Asset Catalog on the wire (https://github.com/radiantearth/stac-spec, stac-api-spec)."""

from functools import partial
from typing import Any, NamedTuple

from marshmallow import Schema, fields

from app.database.columns import BIGINT_MAX
from app.schemas.base import LIMIT_MAX, AnswerSchema
from app.schemas.fields import Flag, Number, ObjectList, Text
from app.schemas.search import BoundingBox, Interval

TERMS_MAX = 10

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
    zarr_consolidated = Flag(
        data_key="zarr:consolidated", description="Whether the metadata of a Zarr store are consolidated.", example=True
    )
    zarr_format = Number(2, 3, data_key="zarr:zarr_format", description="The version of Zarr.", example=2)
    open_kwargs = fields.Dict(
        data_key="xarray:open_kwargs",
        metadata={"description": "Options of `xarray.open_dataset`.", "examples": [{"engine": "zarr"}]},
    )
    storage_options = fields.Dict(
        data_key="xarray:storage_options",
        metadata={"description": "Options of fsspec for anonymous access.", "examples": [{"anon": True}]},
    )


class StacProvider(AnswerSchema):
    name = RequiredText(description="The name of an organisation or a bakery.", example="pangeo-ldeo-nsf-earthcube")
    roles = fields.List(fields.String(), metadata={"examples": [["processor"]]})
    url = Text(1, 2048, description="Its homepage.", example="https://leap.columbia.edu")
    description = Text(1, 5000, description="What it has done.", example="It has built the dataset.")


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
    license = RequiredText(
        description="The id of SPDX; `other` if it has none or is unknown. A link `license` leads to its text.",
        example="CC-BY-4.0",
    )
    extent = fields.Dict(
        required=True,
        metadata={
            "description": "The bounding box and the time range that were found; the whole world and all time if they "
            "are unknown.",
            "examples": [{"spatial": {"bbox": [[-180, -90, 180, 90]]}, "temporal": {"interval": [[None, None]]}}],
        },
    )
    providers = ObjectList(StacProvider, description="Those of the feedstock, and the bakery of the newest build.")
    created = RequiredText(description="When the first build started.", example="2022-03-03T02:29:54Z")
    updated = RequiredText(description="When the newest build started.", example="2022-03-03T02:29:54Z")
    assets = fields.Dict(
        keys=fields.String(),
        values=fields.Nested(StacAsset),
        required=True,
        metadata={
            "description": "The data, under their type, or under `data` if their type is unknown, unless their url is "
            "a script, such as `javascript:`. `description` and `thumbnail` lead to what an inspection has stored.",
            "examples": [
                {"zarr": {"href": "https://data.org/gpcp.zarr", "type": "application/vnd.zarr", "roles": ["data"]}}
            ],
        },
    )
    stac_extensions = fields.List(
        fields.String(),
        metadata={
            "description": "The extensions of STAC that the collection uses: datacube, zarr, xarray-assets, version.",
            "examples": [["https://stac-extensions.github.io/version/v1.2.0/schema.json"]],
        },
    )
    keywords = fields.List(
        fields.String(), metadata={"description": "The keywords of the feedstock.", "examples": [["ocean"]]}
    )
    version = Text(
        1, 255, description="The snapshot of Icechunk, else the number of the run of the newest build.", example="17"
    )
    deprecated = Flag(description="True if the dataset was withdrawn.", example=True)
    cube_dimensions = fields.Dict(
        data_key="cube:dimensions",
        metadata={
            "description": "The dimensions that were found.",
            "examples": [{"lat": {"type": "spatial", "axis": "y", "extent": [-90, 90]}}],
        },
    )
    cube_variables = fields.Dict(
        data_key="cube:variables",
        metadata={
            "description": "The variables that were found.",
            "examples": [{"precip": {"type": "data", "dimensions": ["time", "lat", "lon"]}}],
        },
    )


class StacCollections(AnswerSchema):
    collections = ObjectList(StacCollection, description="The collections, ordered by id unless `sortby` is given.")
    links = ObjectList(
        StacLink,
        description="Links to the root, to this page, to the next page if there may be one, and to the page before.",
    )
    numberReturned = Number(0, LIMIT_MAX, required=True, description="How many they are.", example=10)  # noqa: N815  # as STAC writes it


class Picked(NamedTuple):
    """The names of fields that a request includes, and of those that it excludes."""

    included: frozenset[str]
    excluded: frozenset[str]

    def of(self, objects: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Return `objects` with the picked fields only: all but the excluded ones, if none is included."""
        return [{name: value for name, value in item.items() if self.has(name)} for item in objects]

    def has(self, name: str) -> bool:
        return name not in self.excluded and (not self.included or name in self.included)


class Terms(fields.String):
    """Texts separated by commas."""

    def _deserialize(self, *args: Any, **options: Any) -> list[str]:  # type: ignore[override]  # it returns no text
        text = super()._deserialize(*args, **options)
        return [term for part in text.split(",") if (term := part.strip())]


class SearchTerms(Terms):
    """At most TERMS_MAX texts."""

    default_error_messages = {"many": f"At most {TERMS_MAX} texts, separated by commas."}

    def _deserialize(self, *args: Any, **options: Any) -> list[str]:  # type: ignore[override]  # it returns no text
        terms = super()._deserialize(*args, **options)
        if len(terms) > TERMS_MAX:
            raise self.make_error("many")
        return terms


class SortBy(Terms):
    """The name of a field, after `+` or `-`. In a query string, a plus sign means a blank."""

    default_error_messages = {"order": "Must be one of {names}, after + or -: a collection is sorted by one of them."}

    def _deserialize(self, *args: Any, **options: Any) -> tuple[str, str] | None:  # type: ignore[override]  # it returns no text
        given = super()._deserialize(*args, **options)
        names = [name.lstrip("+-") for name in given]
        if len(given) != 1 or names[0] not in SORTED_BY:
            raise self.make_error("order", names=", ".join(SORTED_BY))
        return SORTED_BY[names[0]], "desc" if given[0].startswith("-") else "asc"


class PickedFields(Terms):
    """Names of fields to include, and after `-` to exclude."""

    def _deserialize(self, *args: Any, **options: Any) -> Picked:  # type: ignore[override]  # it returns no text
        given = [name.partition(".")[0] for name in super()._deserialize(*args, **options)]
        excluded = frozenset(name[1:] for name in given if name.startswith("-"))
        return Picked(frozenset(name.lstrip("+") for name in given if not name.startswith("-")), excluded)


SORTED_BY = {"id": "id", "created": "first_build", "updated": "last_build"}


class StacSearchQuery(Schema):
    """https://github.com/stac-api-extensions/collection-search"""

    limit = Number(
        1,
        BIGINT_MAX,
        in_query=True,
        load_default=100,
        example=10,
        description=f"The maximum number of collections to return. More than {LIMIT_MAX} means {LIMIT_MAX}.",
    )
    offset = Number(
        0, BIGINT_MAX, in_query=True, load_default=0, example=0, description="How many collections to skip."
    )
    q = SearchTerms(
        metadata={
            "description": "Only collections that have one of these texts, separated by commas, as `q` of `/datasets/` "
            f"finds them. At most {TERMS_MAX} texts.",
            "examples": ["sea surface temperature"],
        },
    )
    bbox = BoundingBox(
        description="Only collections whose extent was found and has a point in this box: west,south,east,north."
    )
    datetime = Interval(
        description="Only collections whose time range was found and has a point in this interval, such as "
        "`2000-01-01/..`. A date is the whole day."
    )
    order = SortBy(
        data_key="sortby",
        metadata={
            "description": f"The field to sort by, one of {', '.join(SORTED_BY)}, after `-` in descending order.",
            "examples": ["-updated"],
        },
    )
    picked = PickedFields(
        data_key="fields",
        metadata={
            "description": "The fields of the collections to return, separated by commas, or after `-` those not to "
            "return; all by default. Without the fields that STAC requires, they are not valid.",
            "examples": ["id,title,extent"],
        },
    )
