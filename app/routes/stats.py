"""Counts and statistics."""

from typing import Any

from app.models import Bakery, Feedstock
from app.schemas.failures import FailureStatistics
from app.schemas.stats import Count, DatasetCountQuery, Overview, OverviewQuery
from app.services import failure_counts, stats
from app.web.auth import Caller
from app.web.blueprint import Blueprint

blp = Blueprint("stats", __name__, url_prefix="/stats", description="Counts and statistics.")


@blp.route("/recipe_runs", methods=["GET"], caller=Caller.PUBLIC)
@blp.response(200, Count, description="The count.")
def count_recipe_runs() -> dict[str, int]:
    """Count recipe runs

    All recipe runs, with any status.
    """
    return {"count": stats.count_runs()}


@blp.route("/bakeries", methods=["GET"], caller=Caller.PUBLIC)
@blp.response(200, Count, description="The count.")
def count_bakeries() -> dict[str, int]:
    """Count bakeries

    All bakeries.
    """
    return {"count": stats.count(Bakery)}


@blp.route("/feedstocks", methods=["GET"], caller=Caller.PUBLIC)
@blp.response(200, Count, description="The count.")
def count_feedstocks() -> dict[str, int]:
    """Count feedstocks

    All feedstocks.
    """
    return {"count": stats.count(Feedstock)}


@blp.route("/datasets", methods=["GET"], caller=Caller.PUBLIC)
@blp.arguments(DatasetCountQuery, location="query")
@blp.response(200, Count, description="The count.")
def count_datasets(query: dict[str, Any]) -> dict[str, int]:
    """Count the runs with a dataset

    For compatibility with the original this counts runs, not datasets: every run with a dataset url, including failed
    runs and test runs. With `exclude_test_runs` it counts the builds of production runs: completed, successful runs
    with a dataset url. All builds of one recipe are one dataset; `/datasets/?count=true` returns the number of datasets
    in the header `X-Total-Count`.
    """
    return {"count": stats.count_datasets(**query)}


@blp.route("/overview", methods=["GET"], caller=Caller.PUBLIC)
@blp.arguments(OverviewQuery, location="query")
@blp.response(200, Overview, description="The statistics.")
def get_overview(query: dict[str, Any]) -> dict[str, Any]:
    """Get statistics of the recipe runs

    The number of runs by status, by conclusion and by week, their success rate, their durations and the queue. The
    numbers are exact at the time of the request. Durations are nearest-rank percentiles in whole seconds: below 128
    seconds they are exact, longer ones are within 1 %.
    """
    return stats.overview(**query)


@blp.route("/failures", methods=["GET"], caller=Caller.PUBLIC)
@blp.arguments(OverviewQuery, location="query")
@blp.response(200, FailureStatistics, description="The statistics.")
def get_failures(query: dict[str, Any]) -> dict[str, Any]:
    """Get statistics of the failures

    The number of failed runs by the class of their reason, in all, for the 20 feedstocks and for the 20 bakeries with
    most of them. `unknown` is a class too: no rule knows the error, or the runner gave no reason.
    """
    return failure_counts.statistics(**query)
