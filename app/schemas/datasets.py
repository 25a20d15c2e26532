"""Datasets on the wire."""

from app.database.columns import INTEGER_MAX
from app.schemas.bakeries import Name, Region
from app.schemas.base import Id, ReadSchema, page_query, time_range
from app.schemas.feedstocks import Spec
from app.schemas.fields import Number, ObjectList, Text, Timestamp
from app.schemas.recipe_runs import (
    BakeryId,
    DatasetType,
    FeedstockId,
    IsTest,
    Kinds,
    PublicUrl,
    RecipeId,
    RecipeRunRead,
    RunPageQuery,
)


class DatasetRead(ReadSchema):
    url = PublicUrl(required=True, allow_none=False)
    feedstock = Spec(required=True)
    feedstock_id = FeedstockId(required=True)
    recipe_id = RecipeId(required=True)
    dataset_type = DatasetType(required=True)
    is_test = IsTest(required=True)
    bakery = Name(required=True)
    bakery_id = BakeryId(required=True)
    region = Region(required=True)
    first_build = Timestamp(required=True, description="When the first build started.")
    last_build = Timestamp(required=True, description="When the newest build started.")
    build_count = Number(1, INTEGER_MAX, required=True, description="How many runs have built the dataset.", example=2)
    run_id = Id(required=True, description="The run of the newest build. Its url is the `url` of the dataset.")
    id = Id(required=True, description="The id of the dataset, which is the id of the run of its first build.")
    snippet = Text(
        1,
        25_000,  # a url has 2,048 characters, and repr() writes up to 10 for each: `\U000e0001`
        required=True,
        allow_none=True,
        dump_only=True,
        description="Python code that opens the dataset; null if `dataset_type` is null.",
        example="import xarray as xr\n\nds = xr.open_dataset('https://data.org/gpcp.zarr', engine='zarr', chunks={})",
    )


class DatasetDetail(DatasetRead):
    builds = ObjectList(RecipeRunRead, description="The runs that have built the dataset, newest first.")


class DatasetPageQuery(RunPageQuery):
    kind = Kinds("production")


DatasetQuery = page_query(
    "DatasetQuery",
    DatasetRead,
    order_by="run_id",
    sort="desc",
    base=DatasetPageQuery,
    **time_range("datasets whose newest build started"),
    q=Text(
        1,
        255,
        description="Only datasets whose `recipe_id`, `feedstock` or `url` contains this text, ignoring case.",
        example="gpcp",
    ),
)
