"""The callback of the monitor of Dataflow, and events of GitHub, on the wire."""

from typing import Any

from marshmallow import ValidationError, fields, validates_schema

from app.database.columns import INTEGER_MAX
from app.schemas.base import PartSchema
from app.schemas.fields import Number, Text


class DataflowCallback(PartSchema):
    """A form, so all values are texts. The original reads only `action` of an action other than `completed`."""

    action = Text(0, 255, required=True, description="What happened to the job.", example="completed")
    recipe_run_id = Number(1, INTEGER_MAX, in_query=True, description="The id of the run.", example=1)
    conclusion = Text(0, 255, description="`success` or `failure`.", example="success")

    @validates_schema
    def must_be_whole(self, values: dict[str, Any], **_: Any) -> None:
        if values["action"] == "completed":
            missing = [name for name in ("recipe_run_id", "conclusion") if name not in values]
            if missing:
                raise ValidationError({name: ["Missing data for required field."] for name in missing})


class HookRepository(PartSchema):
    full_name = fields.String(required=True)


class HookBase(PartSchema):
    repo = fields.Nested(HookRepository, required=True)


class HookPullRequest(PartSchema):
    title = fields.String(required=True)
    merged = fields.Boolean(load_default=False)
    base = fields.Nested(HookBase, required=True)


class HookComment(PartSchema):
    body = fields.String(required=True)


class GitHubEvent(PartSchema):
    action = fields.String(required=True)
    pull_request = fields.Nested(HookPullRequest)
    comment = fields.Nested(HookComment)
