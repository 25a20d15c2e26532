"""Recipe runs on the wire."""

from functools import partial

from marshmallow import fields

from app.database.columns import INTEGER_MAX
from app.models.opening import DATASET_TYPES
from app.models.recipe_runs import CONCLUSIONS, STATUSES
from app.models.run_times import PROBLEMS
from app.schemas.base import Id, ReadSchema, WriteSchema, page_query, time_range
from app.schemas.failures import Failure, FailureClass
from app.schemas.fields import Choice, FieldFilter, Flag, Name, Number, ObjectList, Text, TimeOrDate, Timestamp
from app.schemas.run_kinds import IsTest, RunPageQuery
from app.schemas.urls import WebUrl, without_credentials

BULK_MAX = 1000  # runs in one request
MESSAGE_MAX = 100_000  # characters

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
StartedAt = partial(Timestamp, in_original=True, description="When the run started.")
CompletedAt = partial(
    Timestamp,
    in_original=True,
    allow_none=True,
    description="When the run ended; null if it is unfinished.",
    example="2022-03-03T03:11:20.055180Z",
)
Conclusion = partial(
    Choice,
    CONCLUSIONS,
    component="Conclusion",
    allow_none=True,
    description="The result of the run; null if it is unfinished.",
    example="success",
)
Status = partial(
    Choice,
    STATUSES,
    component="Status",
    description="The state of the run: `queued` for a new run, `completed` for a run with a conclusion.",
    example="completed",
)
DatasetType = partial(
    Choice, DATASET_TYPES, component="DatasetType", allow_none=True, description="The format of the dataset."
)
PublicUrl = partial(
    Text,
    0,
    2048,
    rules=(without_credentials,),
    allow_none=True,
    description="The public url of the dataset.",
    example="https://ncsa.osn.xsede.org/Pangeo/pangeo-forge/gpcp-feedstock/gpcp.zarr",
)
Message = partial(
    Text,
    0,
    MESSAGE_MAX,
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
SnapshotId = partial(
    Text,
    1,
    255,
    allow_none=True,
    description="The id of the snapshot that the run committed, if the dataset is an Icechunk repository.",
    example="VY76P925PRY57WFEK410",
)
ExternalId = partial(
    Text,
    1,
    255,
    allow_none=True,
    description="The id of the run in the system that runs it, for example of a job. It is unique in the bakery.",
    example="2026-03-03_02_29_54-1234567890123456789",
)
ExternalUrl = partial(
    WebUrl,
    allow_none=True,
    description="The page about the run in the system that runs it.",
    example="https://github.com/pangeo-forge/gpcp-feedstock/actions/runs/1234567890",
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


TimeProblem = partial(
    Choice,
    PROBLEMS,
    component="TimeProblem",
    allow_none=True,
    dump_only=True,
    description="Why the times are impossible; null if they are possible. Statistics of durations leave such runs out.",
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
    snapshot_id = SnapshotId(required=True)
    external_id = ExternalId(required=True)
    external_url = ExternalUrl(required=True)
    failure = Failure(required=True)
    time_problem = TimeProblem(required=True)


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
    snapshot_id = SnapshotId()
    external_id = ExternalId()
    external_url = ExternalUrl()


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
    snapshot_id = SnapshotId()
    external_id = ExternalId()
    external_url = ExternalUrl()
    reason = Reason()


RecipeRunQuery = page_query(
    "RecipeRunQuery",
    RecipeRunRead,
    base=RunPageQuery,
    omit=("external_id", "external_url"),
    **time_range("runs that started"),
    started_after=TimeOrDate(description="The same as `since`."),
    started_before=TimeOrDate(description="The same as `until`."),
    completed_after=TimeOrDate(description="Only runs that ended at this time or later."),
    completed_before=TimeOrDate(description="Only runs that ended before this time."),
    external_id=FieldFilter(ExternalId(), "external_id"),
    has_dataset=Flag(
        in_query=True, example=True, description="`true`: only runs with a dataset url. `false`: only runs without one."
    ),
    has_conclusion=Flag(
        in_query=True, example=True, description="`true`: only runs with a conclusion. `false`: only runs without one."
    ),
    failure_class=FieldFilter(FailureClass(), "failure_class"),
    q=Text(
        1,
        255,
        description="Only runs whose `recipe_id` or `message` contains this text, ignoring case.",
        example="gpcp",
    ),
)
