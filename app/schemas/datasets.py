"""Datasets on the wire."""

from functools import partial
from typing import Any

from marshmallow import ValidationError, fields, post_load

from app.database.columns import INTEGER_MAX
from app.database.urls import is_remote
from app.models.dataset_descriptions import NAMES_MAX
from app.models.dataset_search import BY_RANK
from app.models.datasets import is_link
from app.models.feedstock_metadata import NAME_MAX
from app.models.opening import DATASET_TYPES
from app.schemas.bakeries import Name, Region
from app.schemas.base import BigId, Id, ReadSchema, WriteSchema, page_query, time_range
from app.schemas.feedstocks import Spec
from app.schemas.fields import Choice, FieldFilter, Flag, Number, ObjectList, Real, Text, Timestamp
from app.schemas.recipe_runs import (
    BakeryId,
    DatasetType,
    FeedstockId,
    PublicUrl,
    RecipeId,
    RecipeRunRead,
    SnapshotId,
)
from app.schemas.run_kinds import IsTest, Kinds, RunPageQuery
from app.schemas.search import BoundingBox, Interval
from app.schemas.urls import without_credentials

FirstBuild = partial(Timestamp, description="When the build that was reported first started, or when a link was added.")
LastBuild = partial(
    Timestamp, description="When the newest build, which was reported last, started, or when a link was added."
)
Title = partial(
    Text,
    1,
    1000,
    allow_none=True,
    description="The title of the dataset, if it differs from that of its feedstock.",
    example="GPCP, daily",
)
Description = partial(
    Text, 1, 10_000, allow_none=True, description="What the dataset contains.", example="Precipitation, one degree."
)
ShownTitle = partial(
    Text,
    1,
    1000,
    allow_none=True,
    description="The title of the dataset, or else that of its feedstock.",
    example="GPCP, daily",
)
ShownDescription = partial(
    Text,
    1,
    20_000,
    allow_none=True,
    description="What the dataset contains, or else what those of its feedstock contain.",
    example="Precipitation, one degree.",
)
License = partial(
    Text,
    1,
    500,
    allow_none=True,
    description="The licence of the data: its id of SPDX; null if it is not known or not on that list.",
    example="CC-BY-4.0",
)
Format = partial(
    Choice,
    DATASET_TYPES,
    component="DatasetType",
    allow_none=True,
    description="The format that an inspection or a runner has found, or else `dataset_type`.",
)
Keywords = partial(
    fields.List,
    Text(1, 500, description="A keyword.", example="precipitation"),
    metadata={"description": "The keywords of its feedstock.", "examples": [["precipitation"]]},
)
VariableNames = partial(
    fields.List,
    Text(1, 255, description="The name of a variable.", example="precip"),
    metadata={
        "description": f"The names of its variables that are no coordinates, up to {NAMES_MAX}; empty if unknown. "
        "`/datasets/{id}/description` has all of them.",
        "examples": [["precip"]],
    },
)
Bbox = partial(
    fields.List,
    Real(-180, 180, description="Degrees.", example=-180.0),
    allow_none=True,
    metadata={
        "description": "The edges of its extent in degrees: west, south, east, north; null if unknown. West is larger "
        "than east if the extent crosses 180 degrees.",
        "examples": [[-180.0, -90.0, 180.0, 90.0]],
    },
)
TimeStart = partial(Timestamp, allow_none=True, description="The first time of its data; null if unknown.")
TimeEnd = partial(Timestamp, allow_none=True, description="The last time of its data; null if unknown.")
Healthy = partial(
    Flag, allow_none=True, description="Whether the last check found it healthy; null if unknown.", example=True
)
WithdrawnAt = partial(
    Timestamp,
    allow_none=True,
    description="When the last build was deleted or corrected away, or the link was withdrawn; null if it is listed.",
)


def followable(url: str) -> None:
    """Raise ValidationError if `url` is not that of data that everyone can reach, or if a browser would run it."""
    if not is_link(url):
        raise ValidationError("Must not be a script.")
    if url and not is_remote(url):
        raise ValidationError("Must be a URL with a host or a bucket, such as s3://bucket/era5.zarr.")


LinkUrl = partial(
    Text,
    1,
    2048,
    rules=(without_credentials, followable),
    description="The public url of the dataset.",
    example="https://data.org/era5.zarr",
)


class DatasetRead(ReadSchema):
    url = PublicUrl(required=True, allow_none=False)
    feedstock = Spec(required=True)
    feedstock_id = FeedstockId(required=True)
    recipe_id = RecipeId(required=True)
    dataset_type = DatasetType(required=True)
    is_test = IsTest(required=True)
    bakery = Name(required=True, allow_none=True)
    bakery_id = BakeryId(required=True, allow_none=True)
    region = Region(required=True, allow_none=True)
    first_build = FirstBuild(required=True)
    last_build = LastBuild(required=True)
    build_count = Number(
        0, INTEGER_MAX, required=True, description="How many runs have built the dataset; 0 for a link.", example=2
    )
    run_id = Id(
        required=True,
        allow_none=True,
        description="The run of the newest build. Its url is the `url` of the dataset. Null for a link.",
    )
    id = Id(required=True, description="The id of the dataset, which never changes.")
    title = ShownTitle(required=True, dump_only=True)
    description = ShownDescription(required=True, dump_only=True)
    snapshot_id = SnapshotId(required=True)
    withdrawn_at = WithdrawnAt(required=True)
    license = License(required=True)
    keywords = Keywords(required=True)
    variables = VariableNames(required=True)
    bbox = Bbox(required=True)
    time_start = TimeStart(required=True)
    time_end = TimeEnd(required=True)
    healthy = Healthy(required=True)
    snippet = Text(
        1,
        25_000,  # a url has 2,048 characters, and repr() writes up to 10 for each: `\U000e0001`
        required=True,
        allow_none=True,
        dump_only=True,
        description="Python code that opens the dataset; null if `dataset_type` is null.",
        example="import xarray as xr\n\nds = xr.open_dataset('https://data.org/gpcp.zarr', engine='zarr', chunks={})",
    )
    format = Format(required=True, dump_only=True)


class DatasetDetail(DatasetRead):
    builds = ObjectList(RecipeRunRead, description="The runs that have built the dataset, newest first.")


class DatasetCreate(WriteSchema):
    feedstock_id = FeedstockId(required=True)
    recipe_id = RecipeId(required=True)
    url = LinkUrl(required=True)
    dataset_type = DatasetType()
    is_test = Flag(description="Whether the dataset is only for tests.")
    title = Title()
    description = Description()


class DatasetUpdate(WriteSchema):
    url = LinkUrl()
    title = Title()
    description = Description()


class DatasetEventRead(ReadSchema):
    id = BigId(required=True)
    dataset_id = Id(required=True)
    at = Timestamp(required=True, description="When it happened.")
    run_id = Id(required=True, allow_none=True, description="The run that became the newest build; null for a link.")
    url = PublicUrl(required=True, description="The url from then on; null if the dataset was withdrawn.")
    replaced_run_id = Id(
        required=True, allow_none=True, description="The run that was the newest build until then; null if none."
    )
    replaced_url = PublicUrl(required=True, description="The url until then; null if none.")


DatasetEventQuery = page_query("DatasetEventQuery", DatasetEventRead, **time_range("events"))


class DatasetPageQuery(RunPageQuery):
    kind = Kinds("production")

    @post_load(pass_original=True)
    def order_by_rank(self, values: dict[str, Any], given: Any, **_: Any) -> dict[str, Any]:
        """With `q` and without an order, the best hits are first."""
        if "q" in values and not given.keys() & {"order_by", "sort"}:
            return values | {"order_by": BY_RANK}
        if values["order_by"] == BY_RANK and "q" not in values:
            raise ValidationError("rank is the order of what q finds, so it needs q.", "order_by")
        return values


DatasetQuery = page_query(
    "DatasetQuery",
    DatasetRead,
    order_by="run_id",
    sort="desc",
    base=DatasetPageQuery,
    include_withdrawn=Flag(
        in_query=True, load_default=False, example=True, description="Also list datasets that were withdrawn."
    ),
    **time_range("datasets whose newest build started"),
    orders=(BY_RANK,),
    bbox=BoundingBox(
        description="Only datasets whose extent has a point in this box: west,south,east,north, in degrees."
    ),
    datetime=Interval(
        description="Only datasets with data at this time, or in this interval, as in STAC: `2000-01-01/2000-12-31`, "
        "`2000-01-01/..`, `../2000-12-31T12:00:00Z`. A date is the whole day."
    ),
    variable=Text(
        1,
        255,
        description="Only datasets with a variable of this name, or of this standard name of the CF conventions, "
        "ignoring case.",
        example="precipitation_flux",
    ),
    format=FieldFilter(Format(), "format"),
    keyword=Text(
        1,
        NAME_MAX,
        description="Only datasets whose feedstock has this keyword, ignoring case.",
        example="precipitation",
    ),
    q=Text(
        1,
        255,
        description="Only datasets with all of these words, or words that begin with them, in their title, keywords, "
        "recipe, feedstock, variables, description or url; and those whose `recipe_id`, `feedstock` or `url` contains "
        "this text. Case and accents are ignored. Without `order_by` and `sort`, the best hits are first.",
        example="sea surface temperature",
    ),
)
