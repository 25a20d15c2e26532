"""What needs attention: the most frequent reasons of failures, stuck runs, and the state of recipes."""

from collections import Counter
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from sqlalchemy import CompoundSelect, bindparam, func, literal, select, union_all

from app.dashboard.lists import NEWEST
from app.dashboard.queries import api_path
from app.dashboard.words import reason
from app.database import pages
from app.database.columns import now
from app.database.filters import FilterKey, conditions, parametrise
from app.database.statements import fetch
from app.models import RecipeRun
from app.models.failure_rules import CLASSES
from app.services import reaper

COUNTED = 1000  # failures of a class

UNFINISHED = {"status": "queued,in_progress", "order_by": "id", "sort": "asc"}
STUCK_SHOWN = 4
RECIPES: dict[str, Any] = {"limit": 1000, **NEWEST}  # the runs of a feedstock whose recipes are counted
STATE = ("id", "recipe_id", "is_test", "status", "conclusion", "started_at", "failure_class")


@dataclass(frozen=True)
class Reason:
    """A class of failures: its words, how many runs have it (`more` than COUNTED, if so), as a share of all failures in
    percent too, and the list of these runs.
    """

    words: str
    cause: str
    count: int
    more: bool
    share: float
    url: str


def reasons(query: dict[str, Any], shown: list[tuple[str, str]]) -> list[Reason]:
    """Return the reasons of the failures that match `query`, the most frequent first. `shown` is the query of lists."""
    filter_key, values = parametrise(RecipeRun, query)
    rows = fetch(_counts(filter_key), values | {"most": COUNTED + 1})
    found = sorted(((count, name) for name, count in rows if count), reverse=True)
    total = sum(count for count, _ in found)
    return [
        Reason(
            reason(name),
            CLASSES[name],
            min(count, COUNTED),
            count > COUNTED,
            round(100 * count / total, 2),
            api_path("dashboard.recipe_runs", [("failure_class", name), *shown]),
        )
        for count, name in found
    ]


@lru_cache(maxsize=64)
def _counts(filter_key: FilterKey) -> CompoundSelect[Any]:
    """The statement for the number of failures of each class, up to the parameter `most`."""
    counts = []
    for name in CLASSES:
        of_class = RecipeRun.failure_class == literal(name), *conditions(RecipeRun, filter_key)
        first = select(RecipeRun.failure_class).where(*of_class).limit(bindparam("most")).subquery()
        counts.append(select(literal(name), func.count()).select_from(first))
    return union_all(*counts)


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
