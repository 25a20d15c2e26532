"""How many runs failed, by the class of the reason, by feedstock and by bakery."""

from collections.abc import Iterable
from datetime import datetime
from functools import lru_cache
from itertools import groupby
from operator import itemgetter
from typing import Any

from sqlalchemy import CTE, Select, func, literal, select, union_all

from app.database.statements import fetch
from app.models import Bakery, Feedstock, RecipeRun, RunsOfFailure
from app.models.failure_rules import CLASSES
from app.models.run_counts import total
from app.services.run_sums import RunSelection

TOP = 20  # feedstocks and bakeries in the statistics
NAMES = {"feedstock_id": (Feedstock.id, Feedstock.spec), "bakery_id": (Bakery.id, Bakery.name)}


def statistics(since: datetime | None = None, until: datetime | None = None, **filters: list[Any]) -> dict[str, Any]:
    """Return the numbers of failed runs by class, by feedstock and by bakery.

    They are of the runs that started at `since` or later, before `until`, and match `filters`: columns with the values
    to match.
    """
    selection = RunSelection(since, until, filters)
    classes = by_class(selection)
    return {
        "count": sum(classes.values()),
        "classes": [
            {"failure_class": name, "count": count, "cause": CLASSES.get(name, "")} for name, count in classes.items()
        ],
        "feedstocks": _top("feedstock", selection.of_each("feedstock_id")),
        "bakeries": _top("bakery", selection.of_each("bakery_id")),
    }


def by_class(selection: RunSelection) -> dict[str, int]:
    """Return the number of failed runs of each class that occurs in `selection`, the most frequent first."""
    return _ranked(fetch(_classes(selection.of_each("bakery_id"))))


def _top(noun: str, selection: RunSelection) -> list[dict[str, Any]]:
    """Return the TOP parents with the most failures, with their names."""
    top = []
    for (parent, name), rows in groupby(fetch(_groups_of_top(selection)), itemgetter(0, 1)):
        classes = _ranked((failure_class, count) for _, _, failure_class, count in rows)
        top.append({f"{noun}_id": parent, noun: name, "count": sum(classes.values()), "classes": classes})
    return top


def _ranked(numbers: Iterable[Any]) -> dict[str, int]:
    """Classes with their numbers, the most frequent first."""
    return dict(sorted(numbers, key=lambda item: (-item[1], item[0])))


# Statements are built once, see `app.database.statements.fetch`.
@lru_cache(maxsize=64)
def _classes(selection: RunSelection) -> Select[Any]:
    """The statement for the number of failed runs by class."""
    found = _groups(selection).c
    return select(found.failure_class, total(found.runs)).group_by(found.failure_class)


@lru_cache(maxsize=64)
def _groups_of_top(selection: RunSelection) -> Select[Any]:
    """The statement for the number of failed runs by parent and class, those of each of the TOP parents together."""
    groups = _groups(selection)
    failures = func.sum(groups.c.runs).label("failures")
    of_parent = select(groups.c.parent, failures).group_by(groups.c.parent)
    top = of_parent.order_by(failures.desc(), groups.c.parent).limit(TOP).subquery()
    number, name = NAMES[selection.parent]
    found = select(number, name, groups.c.failure_class, groups.c.runs).select_from(top)
    named = found.join(groups, groups.c.parent == top.c.parent).join(number.class_, number == top.c.parent)
    return named.order_by(top.c.failures.desc(), number)


def _groups(selection: RunSelection) -> CTE:
    """The number of failed runs by `parent` and class."""
    name = selection.parent
    kind: list[Any] = [getattr(RunsOfFailure, name).label("parent"), RunsOfFailure.failure_class]
    parts = [select(*kind, RunsOfFailure.runs).where(*where) for where in selection.sums(RunsOfFailure)]
    for _, where in selection.other_runs():
        of_run: list[Any] = [getattr(RecipeRun, name), RecipeRun.failure_class, literal(1)]
        parts.append(select(*of_run).where(RecipeRun.failure_class.is_not(None), *where))
    found = union_all(*parts).subquery().c
    by, runs = (found.parent, found.failure_class), total(found.runs).label("runs")
    return select(*by, runs).group_by(*by).having(runs > 0).cte()
