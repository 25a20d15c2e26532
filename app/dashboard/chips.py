"""The filters of the list of runs as chips: those to choose from, and those that are chosen."""

from collections.abc import Mapping, Sequence

from flask import request

from app.dashboard.facets import Choice, Facet, facet, link
from app.dashboard.plots import DECIDED
from app.dashboard.queries import ORDER, PAGE_ONLY, joined, separated
from app.dashboard.ranges import age
from app.dashboard.words import plain, reason
from app.models.recipe_runs import CONCLUSIONS, STATUSES

RESULTS = (*DECIDED, *(name for name in CONCLUSIONS if name not in DECIDED))  # the frequent ones first
FACETS = {"status": ("Status", STATUSES), "conclusion": ("Result", RESULTS)}
WITHOUT_CHIP = (*FACETS, *PAGE_ONLY, *ORDER)
SINGLE = ("q", "since", "until", "started_after", "started_before", "completed_after", "completed_before")
# What a chip says about the value of a filter. Others have the name of the field.
LABELS = {
    "q": "contains",
    "since": "started since",
    "started_after": "started since",
    "until": "started before",
    "started_before": "started before",
    "completed_after": "ended since",
    "completed_before": "ended before",
    "head_sha": "commit",
    "recipe_id": "recipe",
    "failure_class": "reason",
    "type": "kind",
    "dataset_public_url": "url",
    "rerun_of": "rerun of run",
}
FLAGS = {
    ("is_test", True): "test runs",
    ("is_test", False): "production runs",
    ("has_dataset", True): "with a dataset",
    ("has_dataset", False): "without a dataset",
    ("has_conclusion", True): "with a result",
    ("has_conclusion", False): "without a result",
}
TRUE = ("true", "True", "1")


def states() -> list[Facet]:
    """Return the statuses and the results to choose from. Several of them can be chosen."""
    return [
        facet(name, label, [(value, plain(value), None) for value in values], many=True)
        for name, (label, values) in FACETS.items()
    ]


def chosen(names: Mapping[str, Sequence[tuple[str, str]]]) -> list[Choice]:
    """Return the other filters that are chosen. `names` has ids and names of records by the name of a filter."""
    found = []
    for name, texts in request.args.lists():
        if name in WITHOUT_CHIP:
            continue
        values = texts if name in SINGLE else [value for text in texts for value in separated(text)]
        for value in values:
            rest = [other for other in values if other != value]
            found.append(Choice(_text(name, value, names), link(**{name: joined(rest)}), True, None))
    return found


def _text(name: str, value: str, names: Mapping[str, Sequence[tuple[str, str]]]) -> str:
    if (name, value in TRUE) in FLAGS:
        return FLAGS[name, value in TRUE]
    label = LABELS.get(name, plain(name).removesuffix(" id"))
    if name in names:
        return f"{label} {dict(names[name]).get(value, value)}"
    if name == "failure_class":
        return f"{label} {reason(value)}"
    found = age(value) if name in SINGLE else None
    return f"{label} {f'{found.words} ago' if found else value}"
