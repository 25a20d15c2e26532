"""The kinds of runs on the wire: production and test."""

from functools import partial
from typing import Any, cast

from marshmallow import Schema, post_load

from app.schemas.base import PageQuery
from app.schemas.fields import Choice, FieldFilter, Flag, Values

IsTest = partial(Flag, description="Whether the run is a test on a subset of the data.")
# Which values of `is_test` the parameter `type` stands for.
KINDS = {"all": {False, True}, "production": {False}, "test": {True}}
Kind = partial(Choice, tuple(KINDS), component="RunKind", description="The kind of runs: production, test or both.")


class Kinds(Values):
    """The parameter `type`, whose `default` holds unless the request has `is_test`."""

    def __init__(self, default: str) -> None:
        self.default = default
        metadata = {
            "description": "The kind of runs: `production`, `test` or `all`. `is_test` is another name for the same "
            f"filter. Without both, `{default}`. The type of the data is `dataset_type`.",
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
