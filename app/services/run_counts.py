"""How many runs there are of a kind, by the counts that triggers keep: exact, and as cheap for a million as for one."""

from collections import Counter
from typing import Any

from sqlalchemy import CompoundSelect, String, cast, delete, func, insert, literal, select, union_all

from app.database.deadline import lift_time_limit
from app.extensions import db
from app.models import RecipeRun, RunCount
from app.models.run_counts import ALL, KIND, PARENTS, TOTAL


def tallies(parent: str, ids: list[int]) -> dict[int, Counter[str]]:
    """For each of the parents with those ids how many runs it has, by conclusion; `parent` is a name of PARENTS."""
    slices = {f"{PARENTS[parent]} {number}": number for number in ids}
    found: dict[int, Counter[str]] = {number: Counter() for number in ids}
    statement = select(RunCount.slice, RunCount.conclusion, TOTAL).where(RunCount.slice.in_(slices))
    for name, conclusion, count in db.session.execute(statement.group_by(RunCount.slice, RunCount.conclusion)):
        found[slices[name]][conclusion or "open"] += count
    return found


def recount() -> int:
    """Count the runs anew, for the caller to commit; in how many of its rows the count was wrong.

    Until then nobody else writes runs. Only what passes by triggers, such as a restore of nothing but data, makes
    counts wrong.
    """
    connection = db.session.connection()
    lift_time_limit(connection)
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql("LOCK TABLE reciperun IN SHARE ROW EXCLUSIVE MODE")
    columns = [RunCount.slice, *(getattr(RunCount, name) for name in KIND)]
    kept = {tuple(row) for row in connection.execute(select(*columns, TOTAL).group_by(*columns).having(TOTAL != 0))}
    true = _true_counts()
    wrong = {row[:-1] for row in kept ^ {tuple(row) for row in connection.execute(true)}}
    if wrong:
        connection.execute(delete(RunCount))
        connection.execute(insert(RunCount).from_select([*columns, RunCount.runs], true))
    return len(wrong)


def _true_counts() -> CompoundSelect[Any]:
    """What the counts have to be."""
    kind = [RecipeRun.status, RecipeRun.conclusion, RecipeRun.is_test, RecipeRun.dataset_public_url.is_not(None)]
    selects = [select(literal(ALL), *kind, func.count()).group_by(*kind)]
    for name, noun in PARENTS.items():
        parent = getattr(RecipeRun, name)
        of = literal(f"{noun} ") + cast(parent, String)
        selects.append(select(of, *kind, func.count()).group_by(parent, *kind))
    return union_all(*selects)
