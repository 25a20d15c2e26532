"""Counts of recipe runs from the table that triggers update: exact, and as fast for a million runs as for one."""

from collections import Counter
from typing import Any

from sqlalchemy import CompoundSelect, String, cast, delete, func, insert, literal, select, union_all

from app.database.deadline import lift_time_limit
from app.extensions import db
from app.models import RecipeRun, RunCount
from app.models.run_counts import ALL, KIND, PARENTS, TOTAL


def tallies(parent: str, ids: list[int]) -> dict[int, Counter[str]]:
    """Return the number of runs by conclusion, or `open`, for each parent. `parent` is a key of PARENTS."""
    slices = {f"{PARENTS[parent]} {id}": id for id in ids}
    counts: dict[int, Counter[str]] = {id: Counter() for id in ids}
    statement = select(RunCount.slice, RunCount.conclusion, TOTAL).where(RunCount.slice.in_(slices))
    for name, conclusion, count in db.session.execute(statement.group_by(RunCount.slice, RunCount.conclusion)):
        counts[slices[name]][conclusion or "open"] += count
    return counts


def recount() -> int:
    """Count the runs again and correct the table. Return how many counts were wrong; the caller commits.

    A lock blocks other writers of runs until then. Counts are wrong only after writes without triggers, such as a
    restore of data only.
    """
    connection = db.session.connection()
    lift_time_limit(connection)
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql("LOCK TABLE reciperun IN SHARE ROW EXCLUSIVE MODE")
    columns = [RunCount.slice, *(getattr(RunCount, name) for name in KIND)]
    stored = {tuple(row) for row in connection.execute(select(*columns, TOTAL).group_by(*columns).having(TOTAL != 0))}
    true = _true_counts()
    wrong = {row[:-1] for row in stored ^ {tuple(row) for row in connection.execute(true)}}
    if wrong:
        connection.execute(delete(RunCount))
        connection.execute(insert(RunCount).from_select([*columns, RunCount.runs], true))
    return len(wrong)


def _true_counts() -> CompoundSelect[Any]:
    """Return the statement for the correct counts."""
    kind = [RecipeRun.status, RecipeRun.conclusion, RecipeRun.is_test, RecipeRun.dataset_public_url.is_not(None)]
    selects = [select(literal(ALL), *kind, func.count()).group_by(*kind)]
    for name, noun in PARENTS.items():
        parent = getattr(RecipeRun, name)
        slice_name = literal(f"{noun} ") + cast(parent, String)
        selects.append(select(slice_name, *kind, func.count()).group_by(parent, *kind))
    return union_all(*selects)
