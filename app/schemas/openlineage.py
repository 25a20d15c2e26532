"""Run events of OpenLineage on the wire (https://openlineage.io/docs/spec/object-model).

Only the fields that a run of this service has are read. Everything else is ignored: an event may have any facets, and
fields that are null.
"""

from datetime import datetime
from typing import Any

from marshmallow import fields, post_load, validate

from app.models.opening import DATASET_TYPES
from app.schemas.base import PartSchema
from app.schemas.feedstocks import NewSpec
from app.schemas.fields import Choice, Timestamp
from app.schemas.recipe_runs import MESSAGE_MAX, ExternalId, HeadSha, PublicUrl, RecipeId, SnapshotId

# The status and the conclusion of each type of event, and which time of the run the time of the event is.
TYPES: dict[str, tuple[dict[str, str], str | None]] = {
    "START": ({"status": "in_progress"}, "started_at"),
    "RUNNING": ({"status": "in_progress"}, None),
    "COMPLETE": ({"status": "completed", "conclusion": "success"}, "completed_at"),
    "FAIL": ({"status": "completed", "conclusion": "failure"}, "completed_at"),
    "ABORT": ({"status": "completed", "conclusion": "cancelled"}, "completed_at"),
    "OTHER": ({}, None),
}
# The tag of a run that is a test.
TEST_TAG = ("is_test", "true")
OUTPUTS_MAX, TAGS_MAX = 1000, 1000

EXAMPLE: dict[str, Any] = {
    "eventType": "START",
    "eventTime": "2026-03-03T02:29:54.000Z",
    "producer": "https://github.com/pangeo-forge/gpcp-feedstock",
    "schemaURL": "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent",
    "run": {"runId": "01939f6e-8b2a-7c4d-9e5f-6a7b8c9d0e1f", "facets": {}},
    "job": {
        "namespace": "pangeo-forge",
        "name": "gpcp",
        "facets": {
            "sourceCodeLocation": {
                "type": "git",
                "url": "https://github.com/pangeo-forge/gpcp-feedstock/blob/main/feedstock/recipe.py",
                "repoUrl": "https://github.com/pangeo-forge/gpcp-feedstock",
                "version": "35d889f7c89e9f0d72353a0649ed1cd8da04826b",
            }
        },
    },
    "inputs": [],
    "outputs": [],
}


def text(description: str, example: str) -> fields.String:
    return fields.String(metadata={"description": description, "examples": [example]})


class LineageError(PartSchema):
    message = text("What went wrong.", "FileNotFoundError: https://data.org/day3.nc")
    stack_trace = fields.String(
        data_key="stackTrace", metadata={"description": "The traceback.", "examples": ["Traceback …"]}
    )


class LineageTag(PartSchema):
    key = text("The name of the tag.", TEST_TAG[0])
    value = text("Its value.", TEST_TAG[1])


class LineageTags(PartSchema):
    tags = fields.List(
        fields.Nested(LineageTag),
        validate=validate.Length(max=TAGS_MAX),
        metadata={"description": "The tags. `is_test` with the value `true` marks a test."},
    )


class LineageRunFacets(PartSchema):
    error_message = fields.Nested(LineageError, data_key="errorMessage")
    tags = fields.Nested(LineageTags)


class LineageRun(PartSchema):
    run_id = ExternalId(data_key="runId", required=True, allow_none=False)
    facets = fields.Nested(LineageRunFacets)


class LineageSource(PartSchema):
    repo_url = NewSpec(data_key="repoUrl")
    version = HeadSha()
    tag = HeadSha()
    branch = HeadSha()


class LineageJobFacets(PartSchema):
    source_code_location = fields.Nested(LineageSource, data_key="sourceCodeLocation")


class LineageJob(PartSchema):
    name = RecipeId(required=True)
    facets = fields.Nested(LineageJobFacets)


class LineageDataSource(PartSchema):
    uri = PublicUrl()


class LineageStorage(PartSchema):
    file_format = fields.String(
        data_key="fileFormat", metadata={"description": "The type of the dataset.", "examples": ["zarr"]}
    )


class LineageVersion(PartSchema):
    dataset_version = SnapshotId(data_key="datasetVersion")


class LineageOutputFacets(PartSchema):
    data_source = fields.Nested(LineageDataSource, data_key="dataSource")
    storage = fields.Nested(LineageStorage)
    version = fields.Nested(LineageVersion)


class LineageOutput(PartSchema):
    facets = fields.Nested(LineageOutputFacets)


class LineageEvent(PartSchema):
    """An event. It is loaded as the values of a report."""

    event_type = Choice(
        tuple(TYPES),
        data_key="eventType",
        component="LineageEventType",
        load_default="OTHER",
        description="What happened.",
    )
    event_time = Timestamp(data_key="eventTime", required=True, description="When it happened.")
    run = fields.Nested(LineageRun, required=True)
    job = fields.Nested(LineageJob, required=True)
    outputs = fields.List(fields.Nested(LineageOutput), validate=validate.Length(max=OUTPUTS_MAX))

    @post_load
    def to_report(self, event: dict[str, Any], **_: Any) -> dict[str, Any]:
        run, job = event["run"], event["job"]
        report = {"external_id": run["run_id"], "recipe_id": job["name"]}
        report |= _state(event["event_type"], event["event_time"])
        report |= _source(_within(job, "facets", "source_code_location"))
        report |= {"message": _message(_within(run, "facets", "error_message"))}
        report |= {"is_test": _is_test(_within(run, "facets", "tags")) or None}
        report |= next(filter(None, map(_dataset, event.get("outputs", []))), {})
        return {name: value for name, value in report.items() if value is not None}


def _within(value: dict[str, Any], *names: str) -> dict[str, Any]:
    """The object at this path in `value`; an empty one if it is missing."""
    for name in names:
        value = value.get(name, {})
    return value


def _state(event_type: str, at: datetime) -> dict[str, Any]:
    state, time = TYPES[event_type]
    return {**state, time: at} if time else dict(state)


def _source(location: dict[str, Any]) -> dict[str, Any]:
    names = (location.get(name) for name in ("version", "tag", "branch"))
    return {"feedstock": location.get("repo_url"), "head_sha": next(filter(None, names), None)}


def _message(error: dict[str, Any]) -> str | None:
    """The message and the traceback. Its end has the cause, so that stays if the text is too long."""
    texts = [error[name].replace("\0", "") for name in ("message", "stack_trace") if error.get(name)]
    return "\n\n".join(texts)[-MESSAGE_MAX:] or None


def _is_test(tags: dict[str, Any]) -> bool:
    return any((tag.get("key"), tag.get("value", "").lower()) == TEST_TAG for tag in tags.get("tags", []))


def _dataset(output: dict[str, Any]) -> dict[str, Any]:
    uri = _within(output, "facets", "data_source").get("uri")
    if not uri:
        return {}
    file_format = _within(output, "facets", "storage").get("file_format", "").lower()
    return {
        "dataset_public_url": uri,
        "dataset_type": file_format if file_format in DATASET_TYPES else None,
        "snapshot_id": _within(output, "facets", "version").get("dataset_version"),
    }
