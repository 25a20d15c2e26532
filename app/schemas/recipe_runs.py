"""Recipe runs on the wire."""

from functools import partial

from marshmallow import fields

from app.database.columns import INTEGER_MAX
from app.models.recipe_runs import CONCLUSIONS, DATASET_TYPES, STATUSES
from app.schemas.base import Id, ReadSchema, WriteSchema, page_query
from app.schemas.fields import Choice, Flag, Name, Number, ObjectList, Text, Timestamp

BULK_MAX = 1000  # runs in one request

RecipeId = partial(Name, 1, 255, description="The id of the recipe in its feedstock.", example="gpcp-from-gcs")
BakeryId = partial(Number, 1, INTEGER_MAX, description="The id of the bakery that runs the recipe.", example=1)
FeedstockId = partial(
    Number, 1, INTEGER_MAX, description="The id of the feedstock that contains the recipe.", example=1
)
HeadSha = partial(
    Text,
    1,
    255,
    description="The commit of the feedstock that runs, or the name of a branch or tag.",
    example="35d889f7c89e9f0d72353a0649ed1cd8da04826b",
)
Version = partial(Text, 0, 255, description="The version of the feedstock. It may be empty.", example="1.0")
StartedAt = partial(Timestamp, description="When the run started.")
CompletedAt = partial(
    Timestamp,
    allow_none=True,
    description="When the run ended; null if it is unfinished.",
    example="2022-03-03T03:11:20.055180Z",
)
Conclusion = partial(
    Choice,
    CONCLUSIONS,
    allow_none=True,
    description="The result of the run; null if it is unfinished.",
    example="success",
)
Status = partial(
    Choice,
    STATUSES,
    description="The state of the run: `queued` for a new run, `completed` for a run with a conclusion.",
    example="completed",
)
IsTest = partial(Flag, description="Whether the run is a test on a subset of the data.")
Kind = partial(
    Choice,
    ("all", "production", "test"),
    data_key="type",
    description="The kind of runs: production, test or both.",
)
DatasetType = partial(Choice, DATASET_TYPES, allow_none=True, description="The format of the dataset.")
PublicUrl = partial(
    Text,
    0,
    2048,
    allow_none=True,
    description="The public url of the dataset.",
    example="https://ncsa.osn.xsede.org/Pangeo/pangeo-forge/gpcp-feedstock/gpcp.zarr",
)
Message = partial(
    Text,
    0,
    100_000,
    allow_none=True,
    description="Free text from the runner, often JSON with job ids or a traceback.",
    example='{"job_name": "a6170692e70616e67656f"}',
)
CreatedAt = partial(
    Timestamp, allow_none=True, description="When the service stored the run; null for runs older than this field."
)
UpdatedAt = partial(
    Timestamp,
    allow_none=True,
    description="When the run last changed; null for runs that have not changed since this field exists.",
    example="2022-03-03T03:11:20.055180Z",
)
RerunOf = partial(
    Number, 1, INTEGER_MAX, allow_none=True, description="The id of the earlier run that this run repeats.", example=1
)
Reason = partial(
    Text,
    1,
    1000,
    description="The reason for the change. It is stored in the history of the run.",
    example="Dataflow reported it late.",
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
    # By name, because BakeryDetail nests RecipeRunRead: the modules would import each other.
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
    recipe_runs = ObjectList(RecipeRunCreate, maximum=BULK_MAX, description="The runs to create.")


class RecipeRunBulkRead(ReadSchema):
    recipe_runs = ObjectList(RecipeRunRead, description="The new runs, in the order of the request.")


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
    started_after=Timestamp(description="Only runs that started at this time or later."),
    started_before=Timestamp(description="Only runs that started before this time."),
    completed_after=Timestamp(description="Only runs that ended at this time or later."),
    completed_before=Timestamp(description="Only runs that ended before this time."),
    has_dataset=Flag(
        in_query=True, example=True, description="`true`: only runs with a dataset url. `false`: only runs without one."
    ),
    q=Text(
        1,
        255,
        description="Only runs whose `recipe_id` contains this text, ignoring case.",
        example="gpcp",
    ),
)
