"""The overview and the pages of single bakeries and feedstocks."""

from datetime import UTC, datetime, time, timedelta
from typing import Any

from flask import render_template, request

from app.dashboard import attention, plots, words
from app.dashboard.datasets import newest
from app.dashboard.lists import NEWEST, RUN
from app.dashboard.queries import api_path, choices, parse_query, query_items
from app.database import pages
from app.database.columns import now, wire_time
from app.models import Bakery, Feedstock, RecipeRun
from app.schemas.bakeries import BakeryRead
from app.schemas.feedstocks import FeedstockRead
from app.schemas.serialiser import serialiser
from app.schemas.stats import OverviewQuery
from app.services import feedstock_metadata, feedstocks, records, stats

LATEST: dict[str, Any] = {"limit": 8, **NEWEST}
PARENT_QUERY = OverviewQuery(exclude=("bakery_id", "feedstock_id"))
TIME_SPANS = {"30 days": 30, "90 days": 90, "year": 365, "3 years": 3 * 365}


def overview() -> str:
    context = _statistics(parse_query(OverviewQuery(), {}))
    context |= {"bakeries": choices(Bakery, "name"), "feedstocks": choices(Feedstock, "spec")}
    return render_template("dashboard/overview.html", **context)


def bakery(id: int) -> str:
    fields = serialiser(BakeryRead).record(records.get(Bakery, id))
    return _parent_page("bakery", fields, [api_path("bakeries.get_bakery", id=id)])


def feedstock(id: int) -> str:
    record, about = records.get(Feedstock, id), feedstock_metadata.find(id)
    fields = serialiser(FeedstockRead).record(record)
    datasets, call = newest(id)
    calls = [api_path("feedstocks.get_feedstock", id=id), call]
    if about:
        calls.append(api_path("feedstock_metadata.get_feedstock_metadata", id=id))
    context = {
        "about": about,
        "datasets": datasets,
        "recipes": attention.recipes(id),
        "passing": feedstocks.passing(record),
        "repository": words.repository_url(fields),
    }
    return _parent_page("feedstock", fields, calls, **context)


def _parent_page(noun: str, record: dict[str, Any], calls: list[str], **more: Any) -> str:
    """Render the page of a bakery or a feedstock: its fields, which `calls` return, and the statistics of its runs."""
    query = parse_query(PARENT_QUERY, {f"{noun}_id": [record["id"]]})
    context = _statistics(query) | more
    context["calls"] = [*calls, *context["calls"]]
    return render_template(f"dashboard/{noun}.html", record=record, **context)


def _statistics(query: dict[str, Any]) -> dict[str, Any]:
    """Return the template variables of `statistics.html`: statistics of the runs of `query`, and the latest of them."""
    filters: dict[str, Any] = {name: query[name] for name in ("bakery_id", "feedstock_id", "is_test") if name in query}
    page = pages.read_page(RecipeRun, columns=RUN.columns, **LATEST, **filters)
    newest: list[tuple[str, str]] = [(name, str(value).lower()) for name, values in filters.items() for value in values]
    parent: dict[str, Any] = {name: value for name, value in newest if name != "is_test"}
    calls = [
        api_path("stats.get_overview", query_items(parent)),
        api_path("stats.get_failures", query_items(parent)),
        api_path("recipe_runs.list_recipe_runs", [*newest, *LATEST.items()]),
    ]
    since = [(name, request.args[name]) for name in ("since", "until") if name in request.args]
    return _plots(stats.overview(**query)) | {
        "items": RUN.rows(page.rows),
        "more": api_path("dashboard.recipe_runs", newest),
        "reasons": attention.reasons(query, [*newest, *since]),
        "stuck": attention.stuck(filters, newest),
        "calls": calls,
    }


def _plots(numbers: dict[str, Any]) -> dict[str, Any]:
    """Return the numbers, their plots, and the options of the filter by time."""
    periods, rate_periods = plots.periods(numbers["weeks"]), plots.periods(numbers["weeks"], plots.RATE_BARS_MAX)
    midnight = datetime.combine(now(), time(), UTC)
    return {
        "numbers": numbers,
        "run_counts": (periods, plots.run_counts(periods)),
        "success_rates": (rate_periods, plots.success_rates(rate_periods)),
        "durations": plots.durations(numbers["duration"]),
        "time_spans": {wire_time(midnight - timedelta(days=days)): name for name, days in TIME_SPANS.items()},
        "args": request.args,
    }
