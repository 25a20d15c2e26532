"""Statistics of failures, and the explanation of failures that other programs or earlier releases have stored."""

from collections import Counter, defaultdict
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

from sqlalchemy import Boolean, ColumnElement, Select, func, literal_column, or_, select

from app.database.filters import FilterKey, conditions, parametrise
from app.database.statements import fetch
from app.extensions import db
from app.models import Bakery, Feedstock, RecipeRun, RunLog
from app.models.failure_rules import CLASSES
from app.models.failures import FAILING
from app.models.recipe_runs import UNEXPLAINED

TOP = 20  # feedstocks and bakeries in the statistics
BATCH = 200  # runs in a transaction


def statistics(**filters: Any) -> dict[str, Any]:
    """Return the numbers of failed runs by class, by feedstock and by bakery that match `filters`."""
    filter_key, values = parametrise(RecipeRun, filters)
    classes = Counter[str]()
    by_feedstock, by_bakery = defaultdict[int, Counter[str]](Counter), defaultdict[int, Counter[str]](Counter)
    for failure_class, feedstock_id, bakery_id, count in fetch(_groups(filter_key), values):
        for counts in (classes, by_feedstock[feedstock_id], by_bakery[bakery_id]):
            counts[failure_class] += count
    return {
        "count": classes.total(),
        "classes": [
            {"failure_class": name, "count": count, "cause": CLASSES.get(name, "")}
            for name, count in classes.most_common()
        ],
        "feedstocks": _top("feedstock", by_feedstock, Feedstock.id, Feedstock.spec),
        "bakeries": _top("bakery", by_bakery, Bakery.id, Bakery.name),
    }


@lru_cache(maxsize=64)
def _groups(filter_key: FilterKey) -> Select[Any]:
    """The statement for the number of failed runs by class, feedstock and bakery. One index has all that it reads."""
    by: list[Any] = [RecipeRun.failure_class, RecipeRun.feedstock_id, RecipeRun.bakery_id]
    failed = select(*by, func.count()).where(RecipeRun.failure_class.is_not(None), *conditions(RecipeRun, filter_key))
    return failed.group_by(*by)


def _top(noun: str, counts: dict[int, Counter[str]], number: Any, name: Any) -> list[dict[str, Any]]:
    """Return the TOP records with the most failures, with their names."""
    top = sorted(counts, key=lambda record_id: (-counts[record_id].total(), record_id))[:TOP]
    names: dict[int, str] = dict(db.session.execute(select(number, name).where(number.in_(top))).all())
    return [
        {f"{noun}_id": key, noun: names[key], "count": counts[key].total(), "classes": dict(counts[key].most_common())}
        for key in top
        if key in names
    ]


def count_to_explain(everything: bool) -> int:
    """Return how many runs `explain` will read."""
    return db.session.scalar(select(func.count()).select_from(RecipeRun).where(_to_explain(everything))) or 0


def explain(everything: bool) -> Iterator[Counter[str]]:
    """Explain the failed runs that have no class, or all of them. Yield the number of runs by class, in batches.

    The caller commits each batch. A batch locks its runs and skips those that another transaction has locked.
    """
    last = 0
    while True:
        of_batch = select(RecipeRun).where(_to_explain(everything), RecipeRun.id > last)
        locked = of_batch.order_by(RecipeRun.id).limit(BATCH).with_for_update(skip_locked=True)
        runs = db.session.scalars(locked).all()
        if not runs:
            return
        in_batch = RunLog.recipe_run_id.in_([run.id for run in runs])
        logged = set(db.session.scalars(select(RunLog.recipe_run_id).where(in_batch)))
        for run in runs:
            run.explain(has_log=run.id in logged)
        last = runs[-1].id
        db.session.flush()
        yield Counter(run.failure_class or "not failed" for run in runs)
        db.session.expunge_all()


def _to_explain(everything: bool) -> ColumnElement[bool]:
    """The condition for runs to explain. With everything, also runs that have succeeded after all."""
    if everything:
        return or_(RecipeRun.conclusion.in_(FAILING), RecipeRun.failure_class.is_not(None))
    return literal_column(UNEXPLAINED, Boolean)
