"""Recipe runs on the wire."""

from functools import partial

from marshmallow import fields

from app.database.columns import INTEGER_MAX
from app.models.recipe_runs import CONCLUSIONS, DATASET_TYPES, STATUSES
from app.schemas.base import Id, ReadSchema, WriteSchema, page_query
from app.schemas.fields import Choice, Flag, Listed, Number, Text, Timestamp

BULK_MAX = 1000  # runs in one request

RecipeId = partial(Text, 1, 255, description="The recipe, by its id in the feedstock.", example="gpcp-from-gcs")
BakeryId = partial(Number, 1, INTEGER_MAX, description="The bakery it runs in.", example=1)
FeedstockId = partial(Number, 1, INTEGER_MAX, description="The feedstock the recipe lives in.", example=1)
HeadSha = partial(
    Text,
    1,
    255,
    description="The commit, or the name of a ref, that runs.",
    example="35d889f7c89e9f0d72353a0649ed1cd8da04826b",
)
Version = partial(Text, 0, 255, description="The version of the feedstock; may be empty.", example="1.0")
StartedAt = partial(Timestamp, description="When the run started.")
CompletedAt = partial(
    Timestamp,
    allow_none=True,
    description="When the run ended; null while it has not.",
    example="2022-03-03T03:11:20.055180Z",
)
Conclusion = partial(
    Choice,
    CONCLUSIONS,
    allow_none=True,
    description="How the run ended; null while it has not.",
    example="success",
)
Status = partial(
    Choice,
    STATUSES,
    description="How far the run has come; `queued` in a new run, `completed` once it has a conclusion.",
    example="completed",
)
IsTest = partial(Flag, description="Whether the run is a test on a subset of the data.")
Kind = partial(
    Choice,
    ("all", "production", "test"),
    data_key="type",
    description="Those of production runs, of test runs or of both.",
)
DatasetType = partial(Choice, DATASET_TYPES, allow_none=True, description="The format of the dataset.")
PublicUrl = partial(
    Text,
    0,
    2048,
    allow_none=True,
    description="Where the dataset can be opened by anyone.",
    example="https://ncsa.osn.xsede.org/Pangeo/pangeo-forge/gpcp-feedstock/gpcp.zarr",
)
Message = partial(
    Text,
    0,
    100_000,
    allow_none=True,
    description="Free text of the runner, often JSON with job ids or a traceback.",
    example='{"job_name": "a6170692e70616e67656f"}',
)
CreatedAt = partial(
    Timestamp, allow_none=True, description="When the run was recorded; null for runs older than this member."
)
UpdatedAt = partial(
    Timestamp,
    allow_none=True,
    description="When the run last changed; null for runs that have not since there is this member.",
    example="2022-03-03T03:11:20.055180Z",
)
RerunOf = partial(
    Number, 1, INTEGER_MAX, allow_none=True, description="The run that this one is a new attempt at.", example=1
)
Reason = partial(
    Text, 1, 1000, description="Why; kept in the history of the run.", example="Dataflow reported it late."
)


class RecipeRunRead(ReadSchema):
    recipe_id = RecipeId(required=True)
    bakery_id = BakeryId(required=True)
    feedstock_id = FeedstockId(required=True)
    head_sha = HeadSha(required=True)
    version = Version(required=True)
    started_at = StartedAt(required=True)
    completed_at = CompletedAt(required=True)
    conclusion = Conclusion(required=True)
    status = Status(required=True)
    is_test = IsTest(required=True)
    dataset_type = DatasetType(required=True)
    dataset_public_url = PublicUrl(required=True)
    message = Message(required=True)
    id = Id(required=True)
    created_at = CreatedAt(required=True)
    updated_at = UpdatedAt(required=True)
    rerun_of = RerunOf(required=True)


class RecipeRunDetail(RecipeRunRead):
    # By name: a bakery's own detail lists runs.
    bakery = fields.Nested("BakeryRead", required=True)
    feedstock = fields.Nested("FeedstockRead", required=True)


class RecipeRunCreate(WriteSchema):
    recipe_id = RecipeId(required=True)
    bakery_id = BakeryId(required=True)
    feedstock_id = FeedstockId(required=True)
    head_sha = HeadSha(required=True)
    version = Version(required=True)
    started_at = StartedAt(required=True)
    completed_at = CompletedAt(load_default=None)
    conclusion = Conclusion(load_default=None)
    status = Status()
    is_test = IsTest(load_default=False)
    dataset_type = DatasetType(load_default=None)
    dataset_public_url = PublicUrl(load_default=None)
    message = Message(load_default=None)
    rerun_of = RerunOf()


class RecipeRunBulkCreate(WriteSchema):
    recipe_runs = Listed(RecipeRunCreate, maximum=BULK_MAX, description="The runs to create.")


class RecipeRunBulkRead(ReadSchema):
    recipe_runs = Listed(RecipeRunRead, description="The new runs, in the order of the request.")


class RecipeRunUpdate(WriteSchema):
    recipe_id = RecipeId()
    bakery_id = BakeryId()
    feedstock_id = FeedstockId()
    head_sha = HeadSha()
    version = Version()
    started_at = StartedAt()
    completed_at = CompletedAt()
    conclusion = Conclusion()
    status = Status()
    is_test = IsTest()
    dataset_type = DatasetType()
    dataset_public_url = PublicUrl()
    message = Message()
    rerun_of = RerunOf()
    reason = Reason()


RecipeRunQuery = page_query(
    "RecipeRunQuery",
    RecipeRunRead,
    started_after=Timestamp(description="Only runs that started then or later."),
    started_before=Timestamp(description="Only runs that started before then."),
    completed_after=Timestamp(description="Only runs that ended then or later."),
    completed_before=Timestamp(description="Only runs that ended before then."),
    has_dataset=Flag(in_query=True, example=True, description="Only runs with a dataset url, or only those without."),
    q=Text(
        1,
        255,
        description="Only runs whose `recipe_id` has this in it; upper and lower case are alike.",
        example="gpcp",
    ),
)
