"""Retired bakeries and feedstocks, which get no new runs."""

from collections.abc import Sequence
from functools import cache
from typing import Any

from sqlalchemy import Executable, literal, select, union_all
from werkzeug.exceptions import Conflict

from app.database.columns import wire_time
from app.database.filters import MANY, ONE, matches
from app.extensions import db
from app.models import Bakery, Feedstock, RecipeRun

PARENTS: dict[str, type[Bakery] | type[Feedstock]] = {"bakery_id": Bakery, "feedstock_id": Feedstock}


def require_in_use(runs: Sequence[dict[str, Any]]) -> None:
    """Raise 409 if a bakery or a feedstock of `runs` is retired. If one does not exist, the insert finds it."""
    many = len(runs) > 1
    _require({name: list({run[name] for run in runs}) if many else runs[0][name] for name in PARENTS}, many)


def require_in_use_if_moved(run: RecipeRun, values: dict[str, Any]) -> None:
    """Raise 409 if `values` move the run to a bakery or a feedstock that is retired."""
    ids = {name: values[name] for name in PARENTS if name in values and values[name] != getattr(run, name)}
    if ids:
        _require(ids)


def _require(ids: dict[str, Any], many: bool = False) -> None:
    statement = _retired(MANY if many else ONE, tuple(ids))
    for noun, number, retired_at in db.session.connection().execute(statement, ids):
        raise Conflict(
            f"{noun} {number} is retired since {wire_time(retired_at)} and gets no new runs. To use it again, set its "
            "retired_at to null."
        )


@cache
def _retired(form: int, names: tuple[str, ...]) -> Executable:
    """Select the retired ones, the first of them first. A list of ids (MANY) costs SQLAlchemy more than one id.

    On PostgreSQL the statement locks all of them, with the lock that the insert of a run takes. So a retirement ends
    before, or begins when the run is stored. SQLite has one writer at a time.
    """
    # The lock is in a CTE, because PostgreSQL selects from that after it has locked and read the newest version.
    parents = [
        select(literal(model.noun).label("noun"), model.id, model.retired_at)
        .where(matches(model.__table__.c.id, name, form))
        .order_by(model.id)
        .with_for_update(read=True, key_share=True)
        .cte(f"locked_{model.noun}")
        for name, model in PARENTS.items()
        if name in names
    ]
    selects = [select(parent).where(parent.c.retired_at.is_not(None)) for parent in parents]
    return union_all(*selects).order_by("noun", "id")
