"""What needs attention: the most frequent reasons of failures, stuck runs, and the state of recipes."""

from collections import Counter
from dataclasses import dataclass
from typing import Any

from app.dashboard.lists import NEWEST
from app.dashboard.queries import api_path
from app.dashboard.words import reason
from app.database import pages
from app.database.columns import now
from app.models import RecipeRun
from app.services import failures, reaper

UNFINISHED = {"status": "queued,in_progress", "order_by": "id", "sort": "asc"}
STUCK_SHOWN = 4
RECIPES: dict[str, Any] = {"limit": 1000, **NEWEST}  # the runs of a feedstock whose recipes are counted
STATE = ("id", "recipe_id", "is_test", "status", "conclusion", "started_at", "failure_class")


@dataclass(frozen=True)
class Reason:
    """A class of failures: its words, how many runs have it, in percent too, and the list of these runs."""

    words: str
    cause: str
    count: int
    share: float
    url: str


def reasons(query: dict[str, Any], shown: list[tuple[str, str]]) -> list[Reason]:
    """Return the reasons of the failures that match `query`, the most frequent first. `shown` is the query of lists."""
    found = failures.statistics(**query)
    return [
        Reason(
            reason(item["failure_class"]),
            item["cause"],
            item["count"],
            round(100 * item["count"] / found["count"], 2),
            api_path("dashboard.recipe_runs", [("failure_class", item["failure_class"]), *shown]),
        )
        for item in found["classes"]
    ]


@dataclass(frozen=True)
class Stuck:
    """The number of stuck runs (`at_least`, if only the oldest were looked at), the conclusions that the reaper gives
    to those past their limit, and the runs to show. `url` is the list of all unfinished runs.
    """

    runs: int
    at_least: bool
    overdue: Counter[str]
    first: list[reaper.Forecast]
    url: str


def stuck(filters: dict[str, list[Any]], shown: list[tuple[str, str]]) -> Stuck:
    """Return the stuck runs whose columns have the values of `filters`. `shown` is the query of lists.

    Those that the reaper will not end soon come first, because somebody can still do something about them.
    """
    time = now()
    found = reaper.stuck(time, *(getattr(RecipeRun, name).in_(values) for name, values in filters.items()))
    first = sorted(found, key=lambda item: (item.due <= time, abs(item.due - time)))
    return Stuck(
        len(found),
        len(found) >= reaper.FORECASTS_MAX,
        Counter(item.conclusion for item in found if item.due <= time),
        first[:STUCK_SHOWN],
        api_path("dashboard.recipe_runs", [*shown, *UNFINISHED.items()]),
    )


@dataclass
class Recipe:
    """A recipe of a feedstock: its newest run, and how many of the newest runs of the feedstock are of it."""

    newest: dict[str, Any]
    runs: int = 0
    succeeded: int = 0


def recipes(feedstock_id: int) -> list[Recipe]:
    """Return the recipes of the newest runs of a feedstock, those with the newest runs first."""
    found = pages.read_page(RecipeRun, columns=STATE, feedstock_id=[feedstock_id], **RECIPES)
    known: dict[str, Recipe] = {}
    for row in found.rows:
        run = dict(zip(STATE, row, strict=False))
        recipe = known.setdefault(run["recipe_id"], Recipe(run))
        recipe.runs += 1
        recipe.succeeded += run["conclusion"] == "success"
    return list(known.values())
