"""Feedstocks and their datasets on the wire."""

from functools import partial

from marshmallow import ValidationError

from app.models.feedstocks import OTHER, PROVIDERS, REPOSITORY, is_name, repository
from app.schemas.base import Id, ReadSchema, WriteSchema, page_query, time_range
from app.schemas.common import IncludeRetired, RetiredAt
from app.schemas.fields import Choice, Flag, Name, ObjectList
from app.schemas.recipe_runs import DatasetType, FeedstockId, PublicUrl, RecipeId, RecipeRunRead
from app.schemas.run_kinds import KindQuery


def must_be_repository(text: str) -> None:
    """Refuse text of a request that names no repository. Filters accept it: another program may have stored it."""
    if text and not is_name(text):
        sentence = "Must be a repository on GitHub, as owner/name or as its URL, such as pangeo-forge/gpcp-feedstock."
        raise ValidationError(sentence)


Spec = partial(
    Name,
    1,
    255,
    convert=repository,
    description="The repository, as owner/name.",
    example="pangeo-forge/gpcp-feedstock",
)
NewSpec = partial(
    Name,
    1,
    255,
    convert=repository,
    description="The repository on GitHub: owner/name, its URL, or `git@github.com:owner/name.git`. It is stored as "
    "owner/name. Names that differ in the case of ASCII letters only are the same repository.",
    example="pangeo-forge/gpcp-feedstock",
    pattern=f"({REPOSITORY})|({OTHER})",
    rules=(must_be_repository,),
)
Provider = partial(Choice, PROVIDERS, component="Provider", description="The host of the repository.")


class FeedstockRead(ReadSchema):
    spec = Spec(required=True)
    provider = Provider(required=True)
    id = Id(required=True)
    retired_at = RetiredAt(required=True)


class FeedstockDetail(FeedstockRead):
    recipe_runs = ObjectList(RecipeRunRead, description="All runs of this feedstock's recipes, ordered by id.")


class FeedstockCreate(WriteSchema):
    spec = NewSpec(required=True)
    provider = Provider(load_default="github")


class FeedstockUpdate(WriteSchema):
    spec = NewSpec()
    provider = Provider()
    retired_at = RetiredAt()


class FeedstockDataset(ReadSchema):
    """A build of a dataset. The original calls it a dataset."""

    id = Id(required=True)
    recipe_id = RecipeId(required=True)
    feedstock_id = FeedstockId(required=True)
    dataset_type = DatasetType(required=True)
    dataset_public_url = PublicUrl(required=True)
    is_test = Flag(required=True, description="Whether a test run published it.")


FeedstockDatasetQuery = KindQuery.from_dict(time_range("builds that started"), name="FeedstockDatasetQuery")


FeedstockQuery = page_query("FeedstockQuery", FeedstockRead, include_retired=IncludeRetired())
