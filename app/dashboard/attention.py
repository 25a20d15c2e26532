"""What needs attention: the most frequent reasons of failures, stuck runs, and the state of recipes."""

from collections import Counter
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from sqlalchemy import Select, case, func, select

from app.dashboard.run_links import RunLinks
from app.dashboard.words import reason
from app.database.columns import now
from app.database.filters import FilterKey, conditions, parametrise
from app.database.statements import fetch
from app.models import RecipeRun
from app.models.failure_rules import CLASSES
from app.services import failure_counts, reaper
from app.services.run_sums import RunSelection

OLDEST = {"order_by": "id", "sort": "asc"}
STUCK_SHOWN = 4
RECENT = 500  # runs of a feedstock whose recipes are listed
RECIPES_SHOWN = 25
STATE = ("id", "recipe_id", "is_test", "status", "conclusion", "started_at", "failure_class")


@dataclass(frozen=True)
class Reason:
    """A class of failures: its words, how many runs have it, their share of all failures in percent, and their list."""

    words: str
    cause: str
    count: int
    share: float
    url: str


def reasons(selection: RunSelection, links: RunLinks) -> list[Reason]:
    """Return the reasons of the failures of `selection`, the most frequent first."""
    classes = failure_counts.by_class(selection)
    total = sum(classes.values())
    return [
        Reason(reason(name), CLASSES.get(name, ""), count, round(100 * count / total, 2), links(failure_class=name))
        for name, count in classes.items()
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


def stuck(selection: RunSelection, links: RunLinks) -> Stuck:
    """Return the stuck runs of `selection`.

    Those that the reaper will not end soon come first, because somebody can still do something about them.
    """
    at = now()
    found = reaper.stuck(at, selection)
    first = sorted(found, key=lambda item: (item.due <= at, abs(item.due - at)))
    return Stuck(
        len(found),
        len(found) >= reaper.FORECASTS_MAX,
        Counter(item.conclusion for item in found if item.due <= at),
        first[:STUCK_SHOWN],
        links("unfinished", **OLDEST),
    )


@dataclass(frozen=True)
class Recipe:
    """A recipe of a feedstock: its newest run, and how many of the newest runs of the feedstock are of it."""

    newest: dict[str, Any]
    runs: int
    succeeded: int


def recipes(query: dict[str, Any]) -> tuple[list[Recipe], int]:
    """Return up to RECIPES_SHOWN recipes of the newest RECENT runs that match `query`, those with newest runs first,
    and the number of all recipes of these runs.
    """
    filter_key, values = parametrise(RecipeRun, query)
    rows = fetch(_recipes(filter_key), values)
    found = [Recipe(dict(zip(STATE, row, strict=False)), row.runs, row.succeeded) for row in rows]
    return found, rows[0].recipes if rows else 0


@lru_cache(maxsize=64)
def _recipes(filter_key: FilterKey) -> Select[Any]:
    """The statement for the newest run of each recipe, with the numbers of runs and of successes of the recipe."""
    order = RecipeRun.started_at.desc(), RecipeRun.id.desc()
    matching = select(*(getattr(RecipeRun, name) for name in STATE)).where(*conditions(RecipeRun, filter_key))
    run = matching.order_by(*order).limit(RECENT).subquery().c
    newest = run.started_at.desc(), run.id.desc()
    succeeded = func.sum(case((run.conclusion == "success", 1), else_=0))
    columns = (
        func.row_number().over(partition_by=run.recipe_id, order_by=newest).label("place"),
        func.count().over(partition_by=run.recipe_id).label("runs"),
        succeeded.over(partition_by=run.recipe_id).label("succeeded"),
    )
    placed = select(*run, *columns).subquery().c
    found = select(*placed, func.count().over().label("recipes")).where(placed.place == 1)
    return found.order_by(placed.started_at.desc(), placed.id.desc()).limit(RECIPES_SHOWN)
