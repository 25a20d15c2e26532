"""The audit log on the wire."""

from marshmallow import fields

from app.schemas.base import BigId, Id, ReadSchema, page_query, time_range
from app.schemas.fields import Text, Timestamp


class AuditRead(ReadSchema):
    id = BigId(required=True)
    at = Timestamp(required=True, description="When it happened.")
    actor = Text(
        1, 100, required=True, description="Who did it: the label of a key, `admin`, or `system`.", example="dataflow"
    )
    key_id = Id(
        required=True,
        allow_none=True,
        description="The id of the API key; null for the admin key of the configuration and for commands.",
    )
    action = Text(
        1,
        100,
        required=True,
        description="The `operationId` of the request, or the name of the command's action.",
        example="update_recipe_run",
    )
    resource = Text(1, 100, required=True, description="The kind of the record, as in its path.", example="recipe_runs")
    resource_id = Id(
        required=True,
        allow_none=True,
        description="The id of the record; null if the action is not about a single record.",
    )
    request_id = Text(
        1,
        128,
        required=True,
        allow_none=True,
        description="The id of the request in the logs; null for commands.",
        example="5f0c8d1e2b3a4c5d9e8f7a6b5c4d3e2f",
    )
    details = fields.Dict(
        required=True,
        allow_none=True,
        metadata={
            "description": "More about the action; for a PATCH, the names of the fields that were sent, as `members`.",
            "examples": [{"members": ["conclusion", "status"]}],
            "component": "AuditDetails",
        },
    )


AuditQuery = page_query("AuditQuery", AuditRead, **time_range("entries"))
