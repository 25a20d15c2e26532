"""The overview and the pages of single bakeries and feedstocks."""

from typing import Any

from flask import render_template, request

from app.dashboard import attention, words
from app.dashboard.datasets import newest
from app.dashboard.queries import api_path, choices, parse_query
from app.dashboard.ranges import with_ages
from app.dashboard.statistics import statistics
from app.models import Bakery, Feedstock
from app.schemas.bakeries import BakeryRead
from app.schemas.feedstocks import FeedstockRead
from app.schemas.serialiser import serialiser
from app.schemas.stats import OverviewQuery
from app.services import feedstock_metadata, feedstocks, records
from app.web.links import origin

QUERY = with_ages(OverviewQuery)
PARENT_QUERY = type(QUERY)(exclude=("bakery_id", "feedstock_id"))


def _catalogue(feedstock_id: int) -> str:
    """The url of the catalogue of datasets with the filters of the page of a feedstock."""
    kept = {name: request.args[name] for name in ("since", "until", "type") if name in request.args}
    return api_path("dashboard.datasets", ({"feedstock_id": feedstock_id, "type": "all"} | kept).items())


def guide() -> str:
    """The first steps with the API, with the address of this service."""
    calls = [api_path("datasets.list_datasets", [("q", "temperature"), ("limit", 3)])]
    query = {"status": "queued,in_progress", "order_by": "started_at", "sort": "desc", "limit": 3}
    calls.append(api_path("recipe_runs.list_recipe_runs", query.items()))
    return render_template("dashboard/guide.html", origin=origin(), calls=calls)


def overview() -> str:
    context = statistics(parse_query(QUERY, {}))
    context |= {"bakeries": choices(Bakery, "name"), "feedstocks": choices(Feedstock, "spec")}
    return render_template("dashboard/overview.html", **context)


def bakery(id: int) -> str:
    record = serialiser(BakeryRead).record(records.get(Bakery, id))
    context = statistics(parse_query(PARENT_QUERY, {"bakery_id": [id]}), "bakery")
    context["calls"].insert(0, api_path("bakeries.get_bakery", id=id))
    return render_template("dashboard/bakery.html", record=record, **context)


def feedstock(id: int) -> str:
    feedstock, about = records.get(Feedstock, id), feedstock_metadata.find(id)
    record = serialiser(FeedstockRead).record(feedstock)
    query = parse_query(PARENT_QUERY, {"feedstock_id": [id]})
    datasets, call = newest(query)
    recipes, recipe_count = attention.recipes(query)
    context: dict[str, Any] = statistics(query, "feedstock")
    calls = [api_path("feedstocks.get_feedstock", id=id), call]
    if about:
        calls.append(api_path("feedstock_metadata.get_feedstock_metadata", id=id))
    context["calls"] = [*calls, *context["calls"]]
    return render_template(
        "dashboard/feedstock.html",
        record=record,
        about=about,
        datasets=datasets,
        recipes=recipes,
        recipe_count=recipe_count,
        recent=attention.RECENT,
        decided_run=feedstocks.last_decided(feedstock),
        catalogue=_catalogue(id),
        repository=words.repository_url(record),
        **context,
    )
