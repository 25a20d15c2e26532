"""The callback of the monitor of Dataflow, and events of GitHub, on the wire."""

from typing import Any

from marshmallow import EXCLUDE, Schema, ValidationError, fields, validates_schema

from app.database.columns import INTEGER_MAX
from app.schemas.fields import Number, Text


class HookSchema(Schema):
    """A part of a request, with other fields than those that are read."""

    class Meta:
        unknown = EXCLUDE


class DataflowCallback(HookSchema):
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


class HookRepository(HookSchema):
    full_name = fields.String(required=True)


class HookBase(HookSchema):
    repo = fields.Nested(HookRepository, required=True)


class HookPullRequest(HookSchema):
    title = fields.String(required=True)
    merged = fields.Boolean(load_default=False)
    base = fields.Nested(HookBase, required=True)


class HookComment(HookSchema):
    body = fields.String(required=True)


class GitHubEvent(HookSchema):
    action = fields.String(required=True)
    pull_request = fields.Nested(HookPullRequest)
    comment = fields.Nested(HookComment)
