"""Counts over the whole catalogue."""

from typing import Any

from app.models import Bakery, Feedstock
from app.schemas.stats import Count, DatasetCountQuery, Overview, OverviewQuery
from app.services import stats
from app.web.auth import Caller
from app.web.blueprint import Blueprint

blp = Blueprint("stats", __name__, url_prefix="/stats", description="Counts over the whole catalogue.")


@blp.route("/recipe_runs", methods=["GET"], caller=Caller.PUBLIC)
@blp.response(200, Count, description="The count.")
def count_recipe_runs() -> dict[str, int]:
    """Count recipe runs

    All of them, whatever their status.
    """
    return {"count": stats.count_runs()}


@blp.route("/bakeries", methods=["GET"], caller=Caller.PUBLIC)
@blp.response(200, Count, description="The count.")
def count_bakeries() -> dict[str, int]:
    """Count bakeries

    All of them.
    """
    return {"count": stats.count(Bakery)}


@blp.route("/feedstocks", methods=["GET"], caller=Caller.PUBLIC)
@blp.response(200, Count, description="The count.")
def count_feedstocks() -> dict[str, int]:
    """Count feedstocks

    All of them.
    """
    return {"count": stats.count(Feedstock)}


@blp.route("/datasets", methods=["GET"], caller=Caller.PUBLIC)
@blp.arguments(DatasetCountQuery, location="query")
@blp.response(200, Count, description="The count.")
def count_datasets(query: dict[str, Any]) -> dict[str, int]:
    """Count datasets

    Every run with a dataset url counts, failed and test runs included, unless `exclude_test_runs` is set: then only
    completed, successful production runs do.
    """
    return {"count": stats.count_datasets(**query)}


@blp.route("/overview", methods=["GET"], caller=Caller.PUBLIC)
@blp.arguments(OverviewQuery, location="query")
@blp.response(200, Overview, description="The numbers.")
def get_overview(query: dict[str, Any]) -> dict[str, Any]:
    """Sum up the runs

    How many there are, how they ended, how long they took, how long others have been waiting, and how many started in
    each week. Exact at the moment of the request. Durations are nearest-rank percentiles in whole seconds.
    """
    return stats.overview(**query)
