"""What a runner reports about a run, on the wire."""

from collections.abc import Callable, Mapping
from typing import Any

from marshmallow import ValidationError, fields, pre_load, validates_schema

from app.database.columns import INTEGER_MAX
from app.schemas.base import WriteSchema, without_null
from app.schemas.dataset_descriptions import DescriptionWrite
from app.schemas.feedstocks import NewSpec
from app.schemas.fields import Number, load_in_batches
from app.schemas.recipe_runs import (
    CompletedAt,
    Conclusion,
    DatasetType,
    ExternalId,
    ExternalUrl,
    FeedstockId,
    HeadSha,
    Message,
    PublicUrl,
    RecipeId,
    SnapshotId,
    StartedAt,
    Status,
    Version,
)
from app.schemas.run_kinds import IsTest
from app.schemas.run_logs import LogLineWrite

EXAMPLE = {
    "external_id": "1234567890-1",
    "external_url": "https://github.com/pangeo-forge/gpcp-feedstock/actions/runs/1234567890",
    "feedstock": "pangeo-forge/gpcp-feedstock",
    "recipe_id": "gpcp",
    "head_sha": "35d889f7c89e9f0d72353a0649ed1cd8da04826b",
    "status": "in_progress",
}


class Log(fields.List[Any]):
    """The lines of a log: a text, or a list of objects."""

    def __init__(self) -> None:
        lines = {"type": "array", "items": {"$ref": "#/components/schemas/LogLineWrite"}}
        metadata = {
            "description": "Lines to append to the log of the run: a text, or objects. Secrets are masked before they "
            "are stored.",
            "examples": ["wrote 5 chunks\n"],
            "component": "ReportLog",
            "anyOf": [{"type": "string"}, lines],
        }
        super().__init__(fields.Nested(LogLineWrite), metadata=metadata)

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> Any:
        """The text, or the loaded objects."""
        if isinstance(value, str):
            return value
        load: Callable[..., list[Any]] = super()._deserialize
        if not isinstance(value, list):
            return load(value, attr, data, **kwargs)
        return load_in_batches(lambda batch: load(batch, attr, data, **kwargs), value)


class ReportWrite(WriteSchema):
    """A report. A field that is null is like one that is missing: many programs send all fields that they know."""

    run_id = Number(1, INTEGER_MAX, description="The id of the run in this service.", example=1)
    external_id = ExternalId()
    external_url = ExternalUrl()
    feedstock = NewSpec()
    feedstock_id = FeedstockId()
    recipe_id = RecipeId()
    head_sha = HeadSha()
    version = Version()
    is_test = IsTest()
    status = Status()
    conclusion = Conclusion()
    started_at = StartedAt()
    completed_at = CompletedAt()
    message = Message()
    dataset_type = DatasetType()
    dataset_public_url = PublicUrl()
    snapshot_id = SnapshotId()
    log = Log()
    description = fields.Nested(
        DescriptionWrite, metadata={"description": "What is in the dataset, as in PUT /datasets/{id}/description."}
    )

    @pre_load
    def drop_null(self, data: Any, **_: Any) -> Any:
        return without_null(data)

    @validates_schema
    def must_name_a_run(self, values: dict[str, Any], **_: Any) -> None:
        if "run_id" not in values and "external_id" not in values:
            raise ValidationError("Required, unless there is a run_id.", "external_id")
        if "feedstock" in values and "feedstock_id" in values:
            raise ValidationError("Must not be given together with feedstock_id.", "feedstock")
