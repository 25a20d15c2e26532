"""The history of recipe runs on the wire."""

from functools import partial

from marshmallow import fields

from app.schemas.base import BigId, Id, ReadSchema, page_query, time_range
from app.schemas.fields import Text, Timestamp

ChangedFields = partial(fields.Dict, required=True)


class RecipeRunEventRead(ReadSchema):
    id = BigId(required=True)
    recipe_run_id = Id(required=True)
    at = Timestamp(required=True, description="When it happened.")
    actor = Text(
        1, 255, required=True, description="Who did it: the label of a key, `admin`, or `system`.", example="dataflow"
    )
    before = ChangedFields(
        allow_none=True,
        data_key="from",
        metadata={
            "description": "The fields that changed, with their old values; null for the creation of the run.",
            "examples": [{"status": "in_progress", "conclusion": None, "completed_at": None}],
            "component": "ChangedFields",
        },
    )
    after = ChangedFields(
        data_key="to",
        metadata={
            "description": "The same fields with their new values.",
            "examples": [{"status": "completed", "conclusion": "success", "completed_at": "2022-03-03T03:11:20Z"}],
            "component": "ChangedFields",
        },
    )
    reason = Text(
        1,
        1000,
        required=True,
        allow_none=True,
        description="The reason that the client gave; null if it gave none.",
        example="Dataflow reported it late.",
    )


RecipeRunEventQuery = page_query("RecipeRunEventQuery", RecipeRunEventRead, **time_range("events"))
