"""The catalogue of datasets, and the page of one of them."""

from collections.abc import Mapping
from datetime import datetime
from itertools import islice, pairwise
from typing import Any

from flask import render_template, request

from app.dashboard.cards import VERDICTS, cards
from app.dashboard.changes import changes
from app.dashboard.facets import Facet, facet, link, text_facet
from app.dashboard.queries import POSITION, Listing, api_path, escaped, query_items
from app.dashboard.ranges import with_ages
from app.dashboard.uses import citation, openers
from app.database import pages
from app.database.columns import wire_time
from app.models import Dataset, DatasetCheck, DatasetDescription, DatasetEvent, Feedstock, FeedstockMetadata
from app.schemas.dataset_descriptions import FIELDS_MAX, CheckRead
from app.schemas.datasets import DatasetDetail, DatasetEventRead, DatasetQuery, DatasetRead
from app.schemas.feedstocks import FeedstockRead
from app.schemas.serialiser import serialiser
from app.services import dataset_descriptions, feedstock_metadata, records
from app.services.dataset_facets import facets
from app.services.datasets import one, page, related
from app.services.health import DECISIVE

DATASET = serialiser(DatasetRead)
NEWEST: dict[str, Any] = {"order_by": "last_build", "sort": "desc"}
LISTED, OF_FEEDSTOCK = 25, 8
SHOWN = 10  # values of a facet
COUNTED = 500  # datasets, for the facets; reading them takes about 10 milliseconds
PLACE = ("limit", "count", "fields", *POSITION)  # parameters of the list that facets do not have
KINDS = {"production": "production runs", "test": "test runs", "all": "all runs"}
HISTORY: dict[str, Any] = {"limit": LISTED, "order_by": "id", "sort": "desc"}
FILE = serialiser(DatasetRead, frozenset(DatasetRead().fields) - {"snippet"})
DATASETS = Listing(
    "datasets.list_datasets",
    with_ages(DatasetQuery),
    DATASET,
    page,
    {"limit": LISTED, **NEWEST},
    FILE,
    ("id", *(name for name in FILE.names if name != "id")),
    ranked=True,
)


def datasets() -> str:
    """The list, sorted by rank if a text is searched, else newest first."""
    context, counted = DATASETS.context(), _counted()
    total = (
        f"{'' if counted['complete'] else 'more than '}{counted['count']} dataset{'' if counted['count'] == 1 else 's'}"
    )
    context |= {"items": cards(context["items"]), "facets": _facets(counted), "found": total}
    filters = [(name, value) for name, value in query_items({}) if name not in PLACE]
    context["calls"].append(api_path("datasets.get_dataset_facets", filters))
    withdrawn = link(include_withdrawn=None if "include_withdrawn" in request.args else "true")
    return render_template("dashboard/datasets.html", **context, withdrawn_url=withdrawn)


def _counted() -> dict[str, Any]:
    """Return the numbers of the datasets of the list by their values, of up to COUNTED ones."""
    return facets({name: value for name, value in DATASETS.values().items() if name not in PLACE}, COUNTED)


def _facets(counted: dict[str, Any]) -> list[Facet]:
    """Return what narrows the list. Numbers are shown if all of its datasets were counted."""
    health = _values(counted, "healthy")
    found = [
        facet("format", "Type", _values(counted, "format")),
        facet("dataset_type", "Listed as", ()),  # no choices, but a chip that removes what the address has
        facet("healthy", "Health", [(str(ok).lower(), VERDICTS[ok], number) for ok, _, number in health]),
        text_facet("q", "Search"),
        text_facet("keyword", "Keyword", _values(counted, "keyword")),
        text_facet("variable", "Variable", _values(counted, "variable")),
        text_facet("bbox", "Place"),
        text_facet("datetime", "Time of the data"),
        facet("license", "Licence", _values(counted, "license")),
        facet("type", "Built by", [(kind, text, None) for kind, text in KINDS.items()], default="production"),
    ]
    if ids := [int(text) for text in request.args.get("feedstock_id", "").split(",") if text]:
        query: dict[str, Any] = {"limit": LISTED, "order_by": "id", "sort": "asc"}
        chosen = pages.read_page(Feedstock, columns=("id", "spec"), id=ids, **query)
        found.insert(0, facet("feedstock_id", "Feedstock", [(row[0], row[1], None) for row in chosen.rows]))
    return [facet for facet in found if facet.choices]


def _values(counted: dict[str, Any], name: str) -> list[tuple[Any, Any, int | None]]:
    """Return the most frequent values of a facet, each with its text and its number, None if it is not known."""
    known = [item for item in counted[name] if item["value"] is not None][:SHOWN]
    return [(item["value"], item["value"], item["count"] if counted["complete"] else None) for item in known]


def newest(filters: dict[str, Any]) -> tuple[list[dict[str, Any]], str]:
    """Return the newest datasets that match `filters`, and the path of the API call with the same answer."""
    query = {"limit": OF_FEEDSTOCK, **NEWEST}
    found = page(**filters, include_withdrawn=False, columns=DATASET.columns, **query)
    given = [(name, _text(value)) for name, values in filters.items() for value in _listed(values)]
    kind = [] if "is_test" in filters else [("type", "all")]
    call = api_path("datasets.list_datasets", [*kind, *given, *query.items()])
    return cards(DATASET.rows(found.rows)), call


def _listed(values: Any) -> list[Any]:
    return values if isinstance(values, list) else [values]


def _text(value: Any) -> str:
    """Return the value of a filter as in a query string."""
    if isinstance(value, datetime):
        return wire_time(value)
    return str(value).lower() if isinstance(value, bool) else escaped(value)


def dataset(id: int) -> str:
    detail = serialiser(DatasetDetail)
    (record,) = detail.rows([one(Dataset, detail.columns, id)])
    (record,) = cards([record])
    number = record["id"]
    description = dataset_descriptions.find(number)
    metadata = feedstock_metadata.find(record["feedstock_id"])
    return render_template(
        "dashboard/dataset.html",
        dataset=record,
        about=metadata,
        description=description,
        variables=_variables(description),
        variables_max=FIELDS_MAX,
        checks=_checks(number),
        builds=_builds(record),
        history=_history(number),
        openers=openers(record),
        citation=citation(record, metadata),
        calls=_calls(record, description, metadata),
    )


def _calls(
    record: dict[str, Any], description: DatasetDescription | None, metadata: FeedstockMetadata | None
) -> list[str]:
    """Return the paths of the API calls with what the page shows."""
    calls = [api_path("datasets.get_dataset", id=record["id"])]
    if description:
        calls.append(api_path("dataset_descriptions.get_dataset_description", id=record["id"]))
    calls.append(api_path("dataset_descriptions.list_dataset_checks", HISTORY.items(), id=record["id"]))
    calls.append(api_path("datasets.list_dataset_events", HISTORY.items(), id=record["id"]))
    if metadata:
        calls.append(api_path("feedstock_metadata.get_feedstock_metadata", id=record["feedstock_id"]))
    return calls


def _variables(description: DatasetDescription | None) -> list[dict[str, Any]]:
    """Return the variables by name, coordinates last."""
    variables = description.variables if description else {}
    named = [{"name": name, **variable} for name, variable in variables.items()]
    return sorted(named, key=lambda variable: (variable["coordinate"], variable["name"]))


def _checks(dataset_id: int) -> list[dict[str, Any]]:
    """Return the newest checks, each with its verdict and the sentence that tells why it is not healthy."""
    check = serialiser(CheckRead)
    found = pages.read_page(DatasetCheck, columns=check.columns, dataset_id=[dataset_id], **HISTORY)
    rows = check.rows(found.rows)
    return [row | {"verdict": VERDICTS[row["healthy"]], "reason": _reason(row)} for row in rows]


def _reason(check: Mapping[str, Any]) -> str:
    if check["healthy"]:
        return ""
    decisive = [check["results"][name] for name in DECISIVE if name in check["results"]]
    return next((result["sentence"] for result in decisive if result["ok"] is check["healthy"]), "")


def _builds(record: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the newest builds, each with what changed since the build before."""
    build = serialiser(DatasetDetail).lists["builds"]
    batches = related(Dataset, "builds", build.columns, record["id"])
    rows = build.rows(list(islice((row for batch in batches for row in batch), LISTED + 1)))
    feedstock = serialiser(FeedstockRead).record(records.get(Feedstock, record["feedstock_id"]))
    for newer, older in pairwise(rows):
        newer["changes"] = changes(newer, older, feedstock)
    return rows[:LISTED]


def _history(dataset_id: int) -> list[dict[str, Any]]:
    """Return the newest events."""
    event = serialiser(DatasetEventRead)
    found = pages.read_page(DatasetEvent, columns=event.columns, dataset_id=[dataset_id], **HISTORY)
    return event.rows(found.rows)
