"""Counts of recipe runs from the table that triggers update: exact, and as fast for a million runs as for one."""

from collections import Counter
from typing import Any

from sqlalchemy import (
    CompoundSelect,
    Connection,
    Select,
    String,
    cast,
    delete,
    func,
    insert,
    literal,
    select,
    union_all,
)

from app.database.deadline import lift_limits
from app.extensions import Base, db
from app.models import RecipeRun, RunCount, RunsOfDuration, RunsOfFailure, RunsOfPeriod
from app.models.run_counts import ALL, PARENTS, TOTAL
from app.services.run_sums import true_durations, true_failures, true_periods


def tallies(parent: str, ids: list[int]) -> dict[int, Counter[str]]:
    """Return the number of runs by conclusion, or `open`, for each parent. `parent` is a key of PARENTS."""
    slices = {f"{PARENTS[parent]} {id}": id for id in ids}
    counts: dict[int, Counter[str]] = {id: Counter() for id in ids}
    statement = select(RunCount.slice, RunCount.conclusion, TOTAL).where(RunCount.slice.in_(slices))
    for name, conclusion, count in db.session.execute(statement.group_by(RunCount.slice, RunCount.conclusion)):
        counts[slices[name]][conclusion or "open"] += count
    return counts


def recount() -> int:
    """Count the runs again and correct the tables. Return how many counts were wrong; the caller commits.

    A lock blocks other writers of runs until then. Counts are wrong only after writes without triggers, such as a
    restore of data only.
    """
    connection = db.session.connection()
    lift_limits(connection)
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql("LOCK TABLE reciperun IN SHARE ROW EXCLUSIVE MODE")
    wrong = _correct(connection, RunCount, _true_counts())
    wrong += _correct(connection, RunsOfPeriod, true_periods())
    wrong += _correct(connection, RunsOfDuration, true_durations())
    return wrong + _correct(connection, RunsOfFailure, true_failures())


def _correct(connection: Connection, model: type[Base], true: Select[Any] | CompoundSelect[Any]) -> int:
    """Replace the rows of `model` by those of `true`, whose last column is the number of runs, if their sums differ.

    Return how many sums were wrong.
    """
    *kind, runs = true.subquery().columns
    stored = model.__table__.columns
    both = union_all(
        select(*(stored[column.name] for column in kind), stored[runs.name]), select(*kind, -runs)
    ).subquery()
    *kind_of_both, surplus = both.columns
    wrong = select(*kind_of_both).group_by(*kind_of_both).having(func.sum(surplus) != 0).subquery()
    number: int = connection.execute(select(func.count()).select_from(wrong)).scalar_one()
    if number:
        connection.execute(delete(model))
        connection.execute(insert(model).from_select([*(column.name for column in kind), runs.name], true))
    return number


def _true_counts() -> CompoundSelect[Any]:
    """Return the statement for the correct counts."""
    has_dataset = RecipeRun.dataset_public_url.is_not(None).label("has_dataset")
    kind = [RecipeRun.status, RecipeRun.conclusion, RecipeRun.is_test, has_dataset]
    runs = func.count().label("runs")
    selects = [select(literal(ALL).label("slice"), *kind, runs).group_by(*kind)]
    for name, noun in PARENTS.items():
        parent = getattr(RecipeRun, name)
        slice_name = literal(f"{noun} ") + cast(parent, String)
        selects.append(select(slice_name, *kind, runs).group_by(parent, *kind))
    return union_all(*selects)
