"""Why runs fail, on the wire."""

from functools import partial
from typing import Any

from marshmallow import fields

from app.database.columns import BIGINT_MAX
from app.models.failure_rules import CLASSES, WHO
from app.schemas.base import AnswerSchema
from app.schemas.fields import Choice, Number, ObjectList, Text

EXAMPLE = {
    "class": "object_missing",
    "cause": "The feedstock has no recipe gpcp; it has 'gpcp-from-gcs'.",
    "next_step": "Correct the id of the recipe in meta.yaml, or start the run with one of these ids.",
    "who": "contributor",
    "rule": "recipe-unknown",
    "evidence": "ValueError: self.recipe_id='gpcp' not in ['gpcp-from-gcs']",
    "line": None,
}
FailureClass = partial(
    Choice,
    tuple(CLASSES),
    component="FailureClass",
    description="The class of the reason why a run failed.",
    example="object_missing",
)


def _property(description: str, *types: str) -> dict[str, Any]:
    return {"type": list(types) if len(types) > 1 else types[0], "description": description}


class Failure(fields.Dict):
    """An object as `app.models.failures.explain` makes it. It is stored as it is sent, so that lists are fast."""

    def __init__(self, **options: Any) -> None:
        nullable = ("string", "null")
        properties = {
            "class": {"$ref": "#/components/schemas/FailureClass", "description": "The class of the reason."},
            "cause": _property("The reason, in a sentence.", "string"),
            "next_step": _property("What to do about it, in a sentence.", "string"),
            "who": _property(f"Who can do that: {', '.join(WHO)}.", "string"),
            "rule": _property("The name of the rule that recognised it; null if none did.", *nullable),
            "evidence": _property("The line by which it was recognised; null if it is not public.", *nullable),
            "line": _property("The last line of the recipe in the traceback; null if there is none.", *nullable),
        }
        metadata = {
            "description": "Why the run failed; null if its conclusion is not `failure`, `timed_out` or `stale`.",
            "component": "Failure",
            "properties": properties,
            "required": list(properties),
            "examples": [EXAMPLE],
        }
        super().__init__(allow_none=True, dump_only=True, metadata=metadata, **options)


Runs = partial(Number, 0, BIGINT_MAX, required=True, example=7)


class FailuresOfClass(AnswerSchema):
    failure_class = FailureClass(required=True, data_key="class")
    count = Runs(description="The number of failed runs of this class.")
    cause = Text(
        1,
        255,
        required=True,
        description="What the failures of this class have in common.",
        example=CLASSES["object_missing"],
    )


class ClassCounts(fields.Dict):
    def __init__(self) -> None:
        metadata = {
            "description": "The number of failed runs of each class that occurs.",
            "examples": [{"object_missing": 7}],
            "component": "FailuresByClass",
        }
        super().__init__(keys=fields.String(), values=fields.Integer(), required=True, metadata=metadata)


class FailuresOfFeedstock(AnswerSchema):
    feedstock_id = Runs(description="The id of the feedstock.")
    feedstock = Text(1, 255, required=True, description="Its repository.", example="pangeo-forge/gpcp-feedstock")
    count = Runs(description="The number of its failed runs.")
    classes = ClassCounts()


class FailuresOfBakery(AnswerSchema):
    bakery_id = Runs(description="The id of the bakery.")
    bakery = Text(1, 255, required=True, description="Its name.", example="pangeo-ldeo-nsf-earthcube")
    count = Runs(description="The number of its failed runs.")
    classes = ClassCounts()


class FailureStatistics(AnswerSchema):
    count = Runs(description="The number of failed runs that are explained, those of the class `unknown` included.")
    classes = ObjectList(FailuresOfClass, description="The classes that occur, the most frequent first.")
    feedstocks = ObjectList(FailuresOfFeedstock, description="The 20 feedstocks with most failed runs.")
    bakeries = ObjectList(FailuresOfBakery, description="The 20 bakeries with most failed runs.")
