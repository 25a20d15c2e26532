"""The overview, and the page of one bakery, feedstock, recipe run or dataset."""

from datetime import UTC, datetime, time, timedelta
from typing import Any

from flask import render_template, request

from app.dashboard import plots, words
from app.dashboard.lists import DATASET, NEWEST, RUN
from app.dashboard.queries import asked, call, choices, given
from app.dashboard.timeline import timeline
from app.database import pages, rows
from app.database.columns import now, wire_time
from app.models import Bakery, Dataset, Feedstock, RecipeRun, RecipeRunEvent
from app.schemas.bakeries import BakeryRead
from app.schemas.base import LIMIT_MAX
from app.schemas.datasets import DatasetDetail
from app.schemas.feedstocks import FeedstockRead
from app.schemas.recipe_run_events import RecipeRunEventRead
from app.schemas.recipe_runs import RecipeRunDetail
from app.schemas.serialiser import serialiser
from app.schemas.stats import OverviewQuery
from app.services import datasets, feedstocks, records
from app.services import stats as sums
from app.web.parser import refuse_query

LATEST: dict[str, Any] = {"limit": 8, **NEWEST}
BY_ID: dict[str, Any] = {"limit": LIMIT_MAX, "order_by": "id", "sort": "asc"}
SPANS = {"30 days": 30, "90 days": 90, "year": 365, "3 years": 3 * 365}


def overview() -> str:
    context = _sums(asked(OverviewQuery(), {}))
    context |= {"bakeries": choices(Bakery, "name"), "feedstocks": choices(Feedstock, "spec")}
    return render_template("dashboard/overview.html", **context)


def bakery(id: int) -> str:
    own = serialiser(BakeryRead).record(records.get(Bakery, id))
    return _parent("bakery", own, [call("bakeries.get_bakery", id=id)])


def feedstock(id: int) -> str:
    record, newest = records.get(Feedstock, id), BY_ID | {"sort": "desc"}
    own = serialiser(FeedstockRead).record(record)
    page = datasets.page("all", feedstock_id=[id], columns=DATASET.columns, **newest)
    calls = [
        call("feedstocks.get_feedstock", id=id),
        call("datasets.list_datasets", [("type", "all"), ("feedstock_id", id), *newest.items()]),
    ]
    context = {
        "datasets": DATASET.rows(page.rows),
        "passing": feedstocks.passing(record),
        "repository": words.repository_url(own),
    }
    return _parent("feedstock", own, calls, **context)


def recipe_run(id: int) -> str:
    refuse_query(request)
    detail, event = serialiser(RecipeRunDetail), serialiser(RecipeRunEventRead)
    (run,) = detail.rows([rows.one(RecipeRun, detail.columns, id)])
    history = pages.read(RecipeRunEvent, columns=event.columns, recipe_run_id=[id], **BY_ID)
    later = pages.read(RecipeRun, columns=("id",), rerun_of=[id], **BY_ID)
    members, trace = words.message(run["message"])
    return render_template(
        "dashboard/recipe_run.html",
        run=run,
        timeline=timeline(run, event.rows(history.rows)),
        reruns=[row[0] for row in later.rows],
        commit=words.commit_url(run["feedstock"], run["head_sha"]),
        members=members,
        trace=trace,
        calls=[
            call("recipe_runs.get_recipe_run", id=id),
            call("recipe_runs.list_recipe_run_events", BY_ID.items(), id=id),
            call("recipe_runs.list_recipe_runs", [("rerun_of", id), *BY_ID.items()]),
        ],
    )


def dataset(id: int) -> str:
    refuse_query(request)
    detail = serialiser(DatasetDetail)
    build = detail.lists["builds"]
    (found,) = detail.rows([datasets.one(Dataset, detail.columns, id)])
    batches = datasets.related(Dataset, "builds", build.columns, id)
    found["builds"] = [run for batch in batches for run in build.rows(batch)]
    return render_template("dashboard/dataset.html", dataset=found, calls=[call("datasets.get_dataset", id=id)])


def _parent(noun: str, record: dict[str, Any], calls: list[str], **more: Any) -> str:
    """The page of a bakery or a feedstock: what it is, by those calls, and what its runs amount to."""
    query = asked(OverviewQuery(exclude=("bakery_id", "feedstock_id")), {f"{noun}_id": record["id"]})
    context = _sums(query) | more
    context["calls"] = [*calls, *context["calls"]]
    return render_template(f"dashboard/{noun}.html", record=record, **context)


def _sums(query: dict[str, Any]) -> dict[str, Any]:
    """What the runs of `query` amount to, those that have started last, and the calls that tell."""
    parents: dict[str, Any] = {name: query[name] for name in ("bakery_id", "feedstock_id") if name in query}
    kind = {} if query["kind"] == "all" else {"is_test": query["kind"] == "test"}
    filters: dict[str, Any] = {name: [value] for name, value in (parents | kind).items()}
    page = pages.read(RecipeRun, columns=RUN.columns, **LATEST, **filters)
    newest = [(name, str(value).lower()) for name, value in (parents | kind).items()]
    calls = [
        call("stats.get_overview", given(parents)),
        call("recipe_runs.list_recipe_runs", [*newest, *LATEST.items()]),
    ]
    more = call("dashboard.recipe_runs", newest)
    return _plots(sums.overview(**query)) | {"items": RUN.rows(page.rows), "more": more, "calls": calls}


def _plots(numbers: dict[str, Any]) -> dict[str, Any]:
    """The numbers, plots of them, and the spans of time to choose from."""
    parts, larger = plots.periods(numbers["weeks"]), plots.periods(numbers["weeks"], plots.RATES_MAX)
    midnight = datetime.combine(now(), time(), UTC)
    return {
        "numbers": numbers,
        "runs": (parts, plots.stacked(parts)),
        "rates": (larger, plots.rates(larger)),
        "lengths": plots.lengths(numbers["duration"]),
        "spans": {wire_time(midnight - timedelta(days=days)): name for name, days in SPANS.items()},
        "args": request.args,
    }
