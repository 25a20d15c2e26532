"""The page of a recipe, and the recipes of a feedstock. Recipes have no table: their names are those of runs."""

from itertools import pairwise
from typing import Any

from flask import render_template, request
from werkzeug.exceptions import NotFound

from app.dashboard import datasets, duration_plots, words
from app.dashboard.changes import changes
from app.dashboard.lists import COUNTED, LISTED, NEWEST, read_runs
from app.dashboard.queries import api_path, escaped, parse_query
from app.dashboard.recipe_runs import last_success
from app.dashboard.run_links import RunLinks
from app.models import Feedstock
from app.models.failures import FAILING
from app.models.run_sums import TIMED
from app.schemas.feedstocks import FeedstockRead
from app.schemas.recipe_runs import RecipeRunDetail
from app.schemas.run_kinds import KindQuery
from app.schemas.serialiser import serialiser
from app.services import records

RUN = serialiser(RecipeRunDetail, LISTED - {"dataset_public_url"} | {"head_sha", "version", "bakery_id"})
KIND = KindQuery()
RUNS: dict[str, Any] = {"limit": 100, **NEWEST}  # of the plot and the table
FIRST_ROWS = 10  # of the table; the others are shown on demand


def recipe(id: int, recipe_id: str) -> str:
    feedstock = serialiser(FeedstockRead).record(records.get(Feedstock, id))
    kind = parse_query(KIND, {})
    filters = {"feedstock_id": [id], "recipe_id": [recipe_id], **kind}
    found = read_runs(columns=RUN.columns, **filters, **RUNS, count=True)
    runs, (built, call) = RUN.rows(found.rows), datasets.newest({"feedstock_id": [id], "recipe_id": [recipe_id]})
    if not (runs or built or kind):
        raise NotFound(f"recipe {recipe_id} of feedstock {id} not found")
    for newer, older in pairwise(runs):
        newer["changes"] = changes(newer, older, feedstock)
    query = [(name, escaped(str(value))) for name, values in filters.items() for value in values]
    return render_template(
        "dashboard/recipe.html",
        recipe_id=recipe_id,
        feedstock=feedstock,
        datasets=built,
        more=api_path("dashboard.recipe_runs", query),
        links=RunLinks(query, {}),
        args=request.args,
        calls=[api_path("recipe_runs.list_recipe_runs", [*query, *RUNS.items()]), call],
        **_runs(runs, found.total or 0),
    )


def _runs(runs: list[dict[str, Any]], total: int) -> dict[str, Any]:
    """Return what the page says about the newest runs, of `total` ones (see `read_runs`)."""
    judged = next((run for run in runs if run["conclusion"] in ("success", *FAILING)), None)
    newest = judged or next(iter(runs), None)
    timed = [run for run in runs if run["conclusion"] in TIMED and run["completed_at"] and not run["time_problem"]]
    return {
        "runs": runs,
        "total": total,
        "counted": COUNTED,
        "first_rows": FIRST_ROWS,
        "judged": judged,
        "good": newest and last_success(newest),
        "plot": duration_plots.durations_over_time(timed),
        "timed": timed,
        "impossible": sum(run["time_problem"] is not None for run in runs),
        "commit_url": words.commit_url,
    }
