"""Counts on the wire."""

from functools import partial

from marshmallow import Schema, fields

from app.database.columns import BIGINT_MAX
from app.models.recipe_runs import CONCLUSIONS, STATUSES
from app.schemas.base import AnswerSchema, ReadSchema, time_range
from app.schemas.fields import FieldFilter, Flag, Number, ObjectList, Timestamp
from app.schemas.recipe_runs import BakeryId, FeedstockId
from app.schemas.run_kinds import KindQuery

Runs = partial(Number, 0, BIGINT_MAX, required=True, description="The number of runs.", example=1416)
Seconds = partial(Number, 0, BIGINT_MAX, required=True, allow_none=True)


class Count(ReadSchema):
    count = Number(0, BIGINT_MAX, required=True, description="The number of records.", example=1416)


class DatasetCountQuery(Schema):
    exclude_test_runs = Flag(in_query=True, load_default=False, description="Count only the builds of production runs.")


class Tally(fields.Dict):
    """Counts by name. It has all of `names`, and others only if another program stored runs with other values."""

    def __init__(self, names: tuple[str, ...], *, component: str, description: str) -> None:
        metadata = {"description": description, "examples": [dict.fromkeys(names, 7)], "component": component}
        super().__init__(keys=fields.String(), values=fields.Integer(), required=True, metadata=metadata)


class Durations(AnswerSchema):
    runs = Runs(
        description="The number of runs that ended in `success` or `failure`, without those that end before they start."
    )
    median = Seconds(
        description="The median duration of these runs in seconds, within 1 %; null if there are none.", example=840
    )
    p90 = Seconds(
        description="The 90th percentile of their durations in seconds, within 1 %; null if there are none.",
        example=5400,
    )


class Queue(AnswerSchema):
    runs = Runs(description="The number of runs that are `queued`.", example=3)
    oldest = Timestamp(
        required=True,
        allow_none=True,
        description="When the service stored the oldest of them, or its `started_at` if that is unknown; null if none.",
    )
    age = Number(
        -BIGINT_MAX,
        BIGINT_MAX,
        required=True,
        allow_none=True,
        description="Whole minutes since `oldest`; null if none is queued.",
        example=12,
    )


class Week(AnswerSchema):
    week = fields.String(
        required=True, metadata={"description": "The Monday of the week in UTC.", "examples": ["2022-05-30"]}
    )
    runs = Runs(description="The number of runs that started in this week.", example=56)
    by_conclusion = Tally(
        CONCLUSIONS, component="RunsByConclusion", description="The number of these runs with each conclusion."
    )


class Overview(AnswerSchema):
    runs = Runs()
    by_status = Tally(STATUSES, component="RunsByStatus", description="The number of runs with each status.")
    by_conclusion = Tally(
        CONCLUSIONS, component="RunsByConclusion", description="The number of runs with each conclusion."
    )
    success_rate = fields.Float(
        required=True,
        allow_none=True,
        metadata={
            "description": "`success` / (`success` + `failure` + `timed_out`); null if there are none of these runs.",
            "examples": [0.75],
        },
    )
    duration = fields.Nested(Durations, required=True)
    queue = fields.Nested(Queue, required=True)
    weeks = ObjectList(
        Week, description="The weeks in which runs started, oldest first. Weeks without runs are omitted."
    )


OverviewQuery = KindQuery.from_dict(
    {
        **time_range("runs that started"),
        "bakery_id": FieldFilter(BakeryId(), "bakery_id"),
        "feedstock_id": FieldFilter(FeedstockId(), "feedstock_id"),
    },
    name="OverviewQuery",
)
