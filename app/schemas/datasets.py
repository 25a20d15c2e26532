"""Datasets on the wire."""

from app.database.columns import INTEGER_MAX
from app.schemas.bakeries import Name, Region
from app.schemas.base import Id, ReadSchema, page_query
from app.schemas.feedstocks import Spec
from app.schemas.fields import Listed, Number, Text, Timestamp
from app.schemas.recipe_runs import (
    BakeryId,
    DatasetType,
    FeedstockId,
    IsTest,
    Kind,
    PublicUrl,
    RecipeId,
    RecipeRunRead,
)


class DatasetRead(ReadSchema):
    url = PublicUrl(required=True, allow_none=False)
    feedstock = Spec(required=True)
    feedstock_id = FeedstockId(required=True)
    recipe_id = RecipeId(required=True)
    dataset_type = DatasetType(required=True)
    is_test = IsTest(required=True, dump_only=True)  # `type` filters by it
    bakery = Name(required=True)
    bakery_id = BakeryId(required=True)
    region = Region(required=True)
    first_build = Timestamp(required=True, description="When the first build started.")
    last_build = Timestamp(required=True, description="When the newest build started.")
    build_count = Number(1, INTEGER_MAX, required=True, description="How many runs have built it.", example=2)
    run_id = Id(required=True, description="The run of the newest build, which says where the dataset is.")
    id = Id(required=True, description="The run of the first build, whose number is the dataset's own.")
    snippet = Text(
        1,
        25_000,  # a url of 2,048 characters that Python writes as `\U000e0001` each
        required=True,
        allow_none=True,
        dump_only=True,
        description="Python that opens it; null if `dataset_type` is.",
        example="import xarray as xr\n\nds = xr.open_dataset('https://data.org/gpcp.zarr', engine='zarr', chunks={})",
    )


class DatasetDetail(DatasetRead):
    builds = Listed(RecipeRunRead, description="The runs that have built it, the newest first.")


DatasetListQuery = page_query(
    "DatasetListQuery",
    DatasetRead,
    order_by="run_id",
    sort="desc",
    kind=Kind(load_default="production"),
    q=Text(
        1,
        255,
        description="Only datasets with this in `recipe_id`, `feedstock` or `url`; upper and lower case are alike.",
        example="gpcp",
    ),
)
