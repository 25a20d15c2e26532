"""Counts on the wire."""

from functools import partial

from marshmallow import Schema, fields

from app.database.columns import BIGINT_MAX, INTEGER_MAX
from app.models.recipe_runs import CONCLUSIONS, STATUSES
from app.schemas.base import AnswerSchema, ReadSchema
from app.schemas.fields import Flag, Listed, Number, Timestamp
from app.schemas.recipe_runs import Kind

Runs = partial(Number, 0, BIGINT_MAX, required=True, description="How many runs.", example=1416)
Seconds = partial(Number, 0, BIGINT_MAX, required=True, allow_none=True)


class Count(ReadSchema):
    count = Number(0, BIGINT_MAX, required=True, description="How many there are.", example=1416)


class DatasetCountQuery(Schema):
    exclude_test_runs = Flag(
        in_query=True, load_default=False, description="Count published datasets of production runs only."
    )


class Tally(fields.Dict):
    """Counts by name; all of `names` are there, and others only if another program gave runs such."""

    def __init__(self, names: tuple[str, ...], *, description: str) -> None:
        metadata = {"description": description, "examples": [dict.fromkeys(names, 7)]}
        super().__init__(keys=fields.String(), values=fields.Integer(), required=True, metadata=metadata)


class Durations(AnswerSchema):
    runs = Runs(description="How many runs ended in `success` or `failure`, not before they started.")
    median = Seconds(description="Seconds that half of these took at most; null if there are none.", example=840)
    p90 = Seconds(description="Seconds that nine in ten of these took at most.", example=5400)


class Queue(AnswerSchema):
    runs = Runs(description="How many runs are `queued`.", example=3)
    oldest = Timestamp(
        required=True, allow_none=True, description="Since when the oldest of these is known, or started if it is not."
    )
    age = Number(
        -BIGINT_MAX, BIGINT_MAX, required=True, allow_none=True, description="Whole minutes since then.", example=12
    )


class Week(AnswerSchema):
    week = fields.String(
        required=True, metadata={"description": "The Monday of the week, in UTC.", "examples": ["2022-05-30"]}
    )
    runs = Runs(description="How many runs started in that week.", example=56)
    by_conclusion = Tally(CONCLUSIONS, description="How these ended, as far as they have.")


class Overview(AnswerSchema):
    runs = Runs()
    by_status = Tally(STATUSES, description="How far they have come.")
    by_conclusion = Tally(CONCLUSIONS, description="How they ended, as far as they have.")
    success_rate = fields.Float(
        required=True,
        allow_none=True,
        metadata={
            "description": "The share of `success` in `success`, `failure` and `timed_out`; null if there are none.",
            "examples": [0.75],
        },
    )
    duration = fields.Nested(Durations, required=True)
    queue = fields.Nested(Queue, required=True)
    weeks = Listed(Week, description="The weeks in which runs started, the first first; others are left out.")


class OverviewQuery(Schema):
    since = Timestamp(description="Only runs that started then or later.")
    bakery_id = Number(1, INTEGER_MAX, in_query=True, description="Only runs in this bakery.", example=1)
    feedstock_id = Number(1, INTEGER_MAX, in_query=True, description="Only runs of this feedstock.", example=1)
    kind = Kind(load_default="all")
