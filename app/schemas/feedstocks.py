"""Feedstocks and their datasets on the wire."""

from functools import partial

from app.models.feedstocks import PROVIDERS
from app.schemas.base import Id, ReadSchema, WriteSchema, page_query, time_range
from app.schemas.fields import Choice, Flag, ObjectList, Text
from app.schemas.recipe_runs import DatasetType, FeedstockId, KindQuery, PublicUrl, RecipeId, RecipeRunRead

Spec = partial(Text, 1, 255, description="The repository, as owner/name.", example="pangeo-forge/gpcp-feedstock")
Provider = partial(Choice, PROVIDERS, component="Provider", description="The host of the repository.")


class FeedstockRead(ReadSchema):
    spec = Spec(required=True)
    provider = Provider(required=True)
    id = Id(required=True)


class FeedstockDetail(FeedstockRead):
    recipe_runs = ObjectList(RecipeRunRead, description="All runs of this feedstock's recipes, ordered by id.")


class FeedstockCreate(WriteSchema):
    spec = Spec(required=True)
    provider = Provider(load_default="github")


class FeedstockUpdate(WriteSchema):
    spec = Spec()
    provider = Provider()


class FeedstockDataset(ReadSchema):
    """A build of a dataset. The original calls it a dataset."""

    id = Id(required=True)
    recipe_id = RecipeId(required=True)
    feedstock_id = FeedstockId(required=True)
    dataset_type = DatasetType(required=True)
    dataset_public_url = PublicUrl(required=True)
    is_test = Flag(required=True, description="Whether a test run published it.")


FeedstockDatasetQuery = KindQuery.from_dict(time_range("builds that started"), name="FeedstockDatasetQuery")


FeedstockQuery = page_query("FeedstockQuery", FeedstockRead)
