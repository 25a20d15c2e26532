"""Recipe runs on the wire."""

from functools import partial
from typing import Any, cast

from marshmallow import Schema, ValidationError, fields, post_load

from app.database.columns import INTEGER_MAX
from app.database.urls import secret_in
from app.models.recipe_runs import CONCLUSIONS, DATASET_TYPES, STATUSES
from app.models.run_times import PROBLEMS
from app.schemas.base import Id, PageQuery, ReadSchema, WriteSchema, page_query, time_range
from app.schemas.failures import Failure, FailureClass
from app.schemas.fields import Choice, FieldFilter, Flag, Name, Number, ObjectList, Text, TimeOrDate, Timestamp, Values

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
IsTest = partial(Flag, description="Whether the run is a test on a subset of the data.")
# Which values of `is_test` the parameter `type` stands for.
KINDS = {"all": {False, True}, "production": {False}, "test": {True}}
Kind = partial(Choice, tuple(KINDS), component="RunKind", description="The kind of runs: production, test or both.")
DatasetType = partial(
    Choice, DATASET_TYPES, component="DatasetType", allow_none=True, description="The format of the dataset."
)


def without_credentials(url: str) -> None:
    """Raise ValidationError if `url` has a user, a password or a signature: everyone can read it here."""
    if found := secret_in(url):
        raise ValidationError(f"Must not contain {found}, because everyone can read it.")


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
SnapshotId = partial(
    Text,
    1,
    255,
    allow_none=True,
    description="The id of the snapshot that the run committed, if the dataset is an Icechunk repository.",
    example="VY76P925PRY57WFEK410",
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


class Kinds(Values):
    """The parameter `type`, whose `default` holds unless the request has `is_test`."""

    def __init__(self, default: str) -> None:
        self.default = default
        metadata = {
            "description": f"The kind of runs: `production`, `test` or `all`. `is_test` is another name for the same "
            f"filter. Without both, `{default}`.",
            "examples": [["production"]],
        }
        super().__init__(Kind(), data_key="type", metadata=metadata)


class KindQuery(Schema):
    """The filters by the kind of runs, which all lists of runs and of datasets have.

    The loaded values have neither if all runs match, else a list `is_test`.
    """

    kind = Kinds("all")
    is_test = FieldFilter(IsTest(), "is_test")

    @post_load
    def merge_kind(self, values: dict[str, Any], **_: Any) -> dict[str, Any]:
        default = "all" if "is_test" in values else cast(Kinds, self.fields["kind"]).default
        wanted = set[bool]().union(*(KINDS[kind] for kind in values.pop("kind", [default])))
        wanted &= set(values.pop("is_test", KINDS["all"]))
        return values if wanted == KINDS["all"] else values | {"is_test": sorted(wanted)}


class RunPageQuery(KindQuery, PageQuery):
    pass


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
    reason = Reason()


RecipeRunQuery = page_query(
    "RecipeRunQuery",
    RecipeRunRead,
    base=RunPageQuery,
    **time_range("runs that started"),
    started_after=TimeOrDate(description="The same as `since`."),
    started_before=TimeOrDate(description="The same as `until`."),
    completed_after=TimeOrDate(description="Only runs that ended at this time or later."),
    completed_before=TimeOrDate(description="Only runs that ended before this time."),
    has_dataset=Flag(
        in_query=True, example=True, description="`true`: only runs with a dataset url. `false`: only runs without one."
    ),
    failure_class=FieldFilter(FailureClass(), "failure_class"),
    q=Text(
        1,
        255,
        description="Only runs whose `recipe_id` or `message` contains this text, ignoring case.",
        example="gpcp",
    ),
)
