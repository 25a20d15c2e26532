"""Statistics of the runs of a page: the overview, a bakery or a feedstock. All of it has the filters of the page."""

from dataclasses import replace
from datetime import datetime
from functools import lru_cache
from typing import Any

from flask import request
from sqlalchemy import Select, bindparam, func, select

from app.dashboard import attention, duration_plots, plots
from app.dashboard.lists import LISTED, NEWEST
from app.dashboard.plots import Period
from app.dashboard.queries import api_path, query_items
from app.dashboard.ranges import spans
from app.dashboard.run_links import TIMES, RunLinks
from app.database import pages
from app.database.columns import now
from app.database.statements import fetch
from app.models import RecipeRun
from app.models.failures import FAILING
from app.models.run_periods import LONG, WEEK
from app.models.run_sums import PARENTS, TIMED
from app.schemas.recipe_runs import RecipeRunDetail
from app.schemas.serialiser import serialiser
from app.services import run_durations, stats
from app.services.reaper import STUCK
from app.services.run_durations import Histogram
from app.services.run_sums import RunSelection

LATEST: dict[str, Any] = {"limit": 8, **NEWEST}
FILTERS = (*TIMES, "type", "is_test", "bakery_id", "feedstock_id")
# The durations of more than MANY_RUNS runs have at most FEW_BARS bars, and those of more than LONG_TIME weeks have bars
# of whole periods of the longest sums. Then fewer sums are read.
MANY_RUNS, FEW_BARS, LONG_TIME = 10_000, 7, 26  # weeks


def statistics(query: dict[str, Any], noun: str = "") -> dict[str, Any]:
    """Return the template variables of `statistics.html` for the runs that match `query`.

    `noun` is bakery or feedstock on the page of one, whose runs do not repeat it.
    """
    columns = {name: value for name, value in query.items() if name not in TIMES}
    selection = RunSelection(query.get("since"), query.get("until"), columns)
    numbers = stats.counts(selection)
    rated = plots.periods(numbers["weeks"], plots.RATE_BARS_MAX)
    timed, lengths = _durations(selection, numbers, rated)
    numbers["duration"] = run_durations.summary(lengths)
    parent = [(f"{noun}_id", str(query[f"{noun}_id"][0]))] if noun else []
    given = [item for item in request.args.items(multi=True) if item[0] in FILTERS and item not in parent]
    links = RunLinks([*parent, *given], {name: query[name] for name in TIMES if name in query})
    unfinished = numbers["by_status"]["queued"] + numbers["by_status"]["in_progress"]
    failed = any(numbers["by_conclusion"][name] for name in FAILING)
    return (
        _plots(numbers, rated, timed, lengths)
        | _latest(query, noun, RunSelection(None, None, columns))
        | _filters(dict(parent))
        | {
            "numbers": numbers,
            "links": links,
            "reasons": attention.reasons(selection, links) if failed else [],
            "stuck": attention.stuck(selection, links) if unfinished else None,
        }
    )


def _filters(parent: dict[str, str]) -> dict[str, Any]:
    """Return the filters of the page, and the API calls with the same filters."""
    items = query_items(parent)
    calls = [
        api_path("stats.get_overview", items),
        api_path("stats.get_failures", items),
        api_path("recipe_runs.list_recipe_runs", [*items, *LATEST.items()]),
    ]
    return {"args": request.args, "spans": list(spans(request.args.get("since")).items()), "calls": calls}


def _latest(query: dict[str, Any], noun: str, at_any_time: RunSelection) -> dict[str, Any]:
    """Return the latest runs, when the last activity at any time was, and whether that is long ago."""
    shown = serialiser(RecipeRunDetail, LISTED - {noun})
    latest = shown.rows(pages.read_page(RecipeRun, columns=shown.columns, **LATEST, **query).rows)
    active = _last_activity(at_any_time)
    return {"items": latest, "without": noun, "active": active, "is_old": active is None or active < now() - STUCK}


def _last_activity(selection: RunSelection) -> datetime | None:
    """Return when a run of `selection` last started or ended."""
    [times] = fetch(_last_times(selection), {"now": now()})
    return max(filter(None, times), default=None)


# Statements are built once, see `app.database.statements.fetch`.
@lru_cache(maxsize=64)
def _last_times(selection: RunSelection) -> Select[Any]:
    """The statement for the last start and the last end until `:now`, each read from the end of an index."""
    matching = selection.all_runs(indexed=PARENTS)
    started, ended = RecipeRun.started_at, RecipeRun.completed_at
    last_start = select(func.max(started)).where(started <= bindparam("now"), *matching)
    last_end = select(func.max(ended)).where(ended <= bindparam("now"), *matching)
    if selection.filters.keys() & set(PARENTS):
        last_end = last_end.where(RecipeRun.has_status("completed"))  # as their indexes do
    times: list[Any] = [last_start.scalar_subquery(), last_end.scalar_subquery()]
    return select(*times)


def _plots(numbers: dict[str, Any], rated: list[Period], timed: list[Period], lengths: Histogram) -> dict[str, Any]:
    """Return the plots of the numbers, each with its periods: those with rates, and those with durations."""
    periods = plots.periods(numbers["weeks"])
    return {
        "run_counts": (periods, plots.run_counts(periods)),
        "success_rates": (rated, plots.success_rates(rated)),
        "durations": (timed, duration_plots.durations(timed)),
        "distribution": duration_plots.distribution(lengths),
    }


def _durations(
    selection: RunSelection, numbers: dict[str, Any], periods: list[Period]
) -> tuple[list[Period], Histogram]:
    """Return the periods with the durations of their runs, and the durations of all runs, which one statement reads.

    The periods may become longer.
    """
    runs = sum(numbers["by_conclusion"][name] for name in TIMED)
    if not runs or not periods:
        return [], []
    if runs > MANY_RUNS:
        is_long = len(periods) * periods[0].weeks > LONG_TIME
        periods = plots.periods(numbers["weeks"], FEW_BARS, LONG // WEEK if is_long else 1)
    parts = run_durations.over_time(selection, plots.week_number(periods[0].first), periods[0].weeks)
    timed = [replace(part, durations=run_durations.summary(parts.get(i, []))) for i, part in enumerate(periods)]
    return timed, run_durations.whole(parts.values())
