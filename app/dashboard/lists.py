"""The lists of the dashboard."""

from functools import partial
from typing import Any

from flask import render_template, request

from app.dashboard.queries import Listing, choices
from app.dashboard.words import reason
from app.database import pages
from app.models import Bakery, Feedstock, RecipeRun
from app.models.failure_rules import CLASSES
from app.models.recipe_runs import CONCLUSIONS, STATUSES
from app.schemas.bakeries import BakeryQuery, BakeryRead
from app.schemas.feedstocks import FeedstockQuery, FeedstockRead
from app.schemas.recipe_runs import RecipeRunDetail, RecipeRunQuery
from app.schemas.serialiser import serialiser
from app.services import run_counts

PAGE: dict[str, Any] = {"limit": 25, "count": True}
# The fields of a run in a list. The message is omitted because it may be long.
LISTED = frozenset({"id", "recipe_id", "status", "conclusion", "started_at", "completed_at", "is_test"})
LISTED |= {"time_problem", "failure", "dataset_public_url", "bakery", "feedstock"}
RUN = serialiser(RecipeRunDetail, LISTED)

BAKERIES = Listing(
    "bakeries.list_bakeries",
    BakeryQuery,
    serialiser(BakeryRead),
    partial(pages.read_page, Bakery),
    PAGE | {"order_by": "name"},
)
FEEDSTOCKS = Listing(
    "feedstocks.list_feedstocks",
    FeedstockQuery,
    serialiser(FeedstockRead),
    partial(pages.read_page, Feedstock),
    PAGE | {"order_by": "spec"},
)
NEWEST: dict[str, Any] = {"order_by": "started_at", "sort": "desc"}
RUNS = Listing("recipe_runs.list_recipe_runs", RecipeRunQuery, RUN, partial(pages.read_page, RecipeRun), PAGE | NEWEST)


def bakeries() -> str:
    context = BAKERIES.context()
    runs = run_counts.tallies("bakery_id", [item["id"] for item in context["items"]])
    return render_template("dashboard/bakeries.html", **context, runs=runs)


def feedstocks() -> str:
    context = FEEDSTOCKS.context()
    runs = run_counts.tallies("feedstock_id", [item["id"] for item in context["items"]])
    return render_template("dashboard/feedstocks.html", **context, runs=runs)


def recipe_runs() -> str:
    options = {
        "statuses": STATUSES,
        "conclusions": CONCLUSIONS,
        "failure_classes": [(name, reason(name)) for name in CLASSES],
        "bakeries": choices(Bakery, "name"),
        "feedstocks": choices(Feedstock, "spec"),
    }
    return render_template("dashboard/recipe_runs.html", **RUNS.context(), **options, args=request.args)
