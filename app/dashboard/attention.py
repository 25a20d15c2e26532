"""What needs attention: the most frequent reasons of failures, stuck runs, and the state of recipes."""

from collections import Counter
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from sqlalchemy import CompoundSelect, Select, bindparam, case, func, literal, select, union_all

from app.dashboard.links import RunLinks
from app.dashboard.words import reason
from app.database.columns import now
from app.database.filters import FilterKey, conditions, parametrise
from app.database.statements import fetch
from app.models import RecipeRun
from app.models.failure_rules import CLASSES
from app.services import reaper
from app.services.run_sums import RunSelection

COUNTED = 1000  # failures of a class

OLDEST = {"order_by": "id", "sort": "asc"}
STUCK_SHOWN = 4
RECENT = 500  # runs of a feedstock whose recipes are listed
RECIPES_SHOWN = 25
STATE = ("id", "recipe_id", "is_test", "status", "conclusion", "started_at", "failure_class")


@dataclass(frozen=True)
class Reason:
    """A class of failures: its words, how many runs have it (`more` than COUNTED, if so), and the list of these runs.

    `share` is that of all failures in percent; None if not all of them are counted.
    """

    words: str
    cause: str
    count: int
    more: bool
    share: float | None
    url: str


def reasons(query: dict[str, Any], links: RunLinks) -> list[Reason]:
    """Return the reasons of the failures that match `query`, the most frequent first."""
    filter_key, values = parametrise(RecipeRun, query)
    rows = fetch(_counts(filter_key), values | {"most": COUNTED + 1})
    found = sorted(((count, name) for name, count in rows if count), reverse=True)
    total = sum(count for count, _ in found) if all(count <= COUNTED for count, _ in found) else None
    return [
        Reason(
            reason(name),
            CLASSES[name],
            min(count, COUNTED),
            count > COUNTED,
            total and round(100 * count / total, 2),
            links(failure_class=name),
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


def stuck(selection: RunSelection, links: RunLinks) -> Stuck:
    """Return the stuck runs of `selection`.

    Those that the reaper will not end soon come first, because somebody can still do something about them.
    """
    at = now()
    found = reaper.stuck(at, *selection.all_runs())
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
    """Return up to RECIPES_SHOWN recipes of the newest runs that match `query`, those with the newest runs first, and
    the number of all recipes of these runs.
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
