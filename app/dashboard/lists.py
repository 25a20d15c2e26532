"""The lists of the dashboard."""

from functools import partial
from typing import Any

from flask import render_template

from app.dashboard import chips
from app.dashboard.downloads import ROWS_MAX
from app.dashboard.facets import link
from app.dashboard.queries import Listing, choices
from app.dashboard.ranges import spans, with_ages
from app.dashboard.run_links import RunLinks
from app.dashboard.words import reason
from app.database import pages
from app.database.pages import Page
from app.models import Bakery, Feedstock, RecipeRun
from app.models.failure_rules import CLASSES
from app.schemas.bakeries import BakeryQuery, BakeryRead
from app.schemas.feedstocks import FeedstockQuery, FeedstockRead
from app.schemas.recipe_runs import RecipeRunDetail, RecipeRunQuery, RecipeRunRead
from app.schemas.serialiser import serialiser
from app.services import run_counts

PAGE: dict[str, Any] = {"limit": 25, "count": True}
COUNTED = 10_000  # runs of a list that no kept count covers
# The fields of a run in a list. The message is omitted because it may be long.
LISTED = frozenset({"id", "recipe_id", "status", "conclusion", "started_at", "completed_at", "is_test"})
LISTED |= {"time_problem", "failure", "dataset_public_url", "bakery", "feedstock"}
RUN = serialiser(RecipeRunDetail, LISTED)
FILED = frozenset(RecipeRunRead().fields) - {"message"} | {"bakery", "feedstock"}
RUN_COLUMNS = (
    *("id", "recipe_id", "feedstock.spec", "bakery.name", "status", "conclusion", "failure.class", "started_at"),
    *("completed_at", "time_problem", "is_test", "head_sha", "version", "dataset_type", "dataset_public_url"),
    *("snapshot_id", "rerun_of", "external_id", "external_url", "feedstock_id", "bakery_id"),
)

BAKERY, FEEDSTOCK = serialiser(BakeryRead), serialiser(FeedstockRead)
BAKERIES = Listing(
    "bakeries.list_bakeries",
    BakeryQuery(),
    BAKERY,
    partial(pages.read_page, Bakery),
    PAGE | {"order_by": "name"},
    BAKERY,
    BAKERY.names,
)
FEEDSTOCKS = Listing(
    "feedstocks.list_feedstocks",
    FeedstockQuery(),
    FEEDSTOCK,
    partial(pages.read_page, Feedstock),
    PAGE | {"order_by": "spec"},
    FEEDSTOCK,
    FEEDSTOCK.names,
)
NEWEST: dict[str, Any] = {"order_by": "started_at", "sort": "desc"}


def read_runs(**query: Any) -> Page:
    """A page of runs. Its total is exact if counts are kept for the filters, and else COUNTED + 1 if it is larger."""
    return pages.read_page(RecipeRun, most=COUNTED + 1, **query)


RUNS = Listing(
    "recipe_runs.list_recipe_runs",
    with_ages(RecipeRunQuery),
    RUN,
    read_runs,
    PAGE | NEWEST,
    serialiser(RecipeRunDetail, FILED),
    RUN_COLUMNS,
)


def bakeries() -> str:
    return render_template("dashboard/bakeries.html", **_with_results(BAKERIES, "bakery_id"))


def feedstocks() -> str:
    return render_template("dashboard/feedstocks.html", **_with_results(FEEDSTOCKS, "feedstock_id"))


def _with_results(listing: Listing, parent: str) -> dict[str, Any]:
    """Return the variables of a list of bakeries or feedstocks, with the results of their runs."""
    context = listing.context()
    ids = [item["id"] for item in context["items"]]
    links = {number: RunLinks([(parent, str(number))], {}) for number in ids}
    return context | {"runs": run_counts.tallies(parent, ids), "links": links}


def recipe_runs() -> str:
    context = RUNS.context()
    names = {"bakery_id": choices(Bakery, "name"), "feedstock_id": choices(Feedstock, "spec")}
    return render_template(
        "dashboard/recipe_runs.html",
        **context,
        names=names,
        failure_classes=[(name, reason(name)) for name in CLASSES],
        link=link,
        spans=list(spans(context["args"].get("since")).items()),
        facets=chips.states(),
        chosen=chips.chosen(names),
        counted=COUNTED,
        rows_max=ROWS_MAX,
    )
