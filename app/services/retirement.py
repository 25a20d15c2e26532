"""Retired bakeries and feedstocks, which get no new runs."""

from collections.abc import Iterable
from functools import cache
from typing import Any

from sqlalchemy import Executable, bindparam, literal, select, union_all
from werkzeug.exceptions import Conflict

from app.database.columns import wire_time
from app.extensions import db
from app.models import Bakery, Feedstock

PARENTS: dict[str, type[Bakery] | type[Feedstock]] = {"bakery_id": Bakery, "feedstock_id": Feedstock}


def require_in_use(runs: Iterable[dict[str, Any]]) -> None:
    """Raise 409 if a bakery or a feedstock of `runs` is retired. If one does not exist, the insert finds it."""
    ids = {name: list({run[name] for run in runs}) for name in PARENTS}
    for noun, number, retired_at in db.session.connection().execute(_retired(), ids):
        raise Conflict(
            f"{noun} {number} is retired since {wire_time(retired_at)} and gets no new runs. To use it again, set its "
            "retired_at to null."
        )


@cache
def _retired() -> Executable:
    """Select the retired ones, the first of them first."""
    selects = [
        select(literal(model.noun).label("noun"), model.id, model.retired_at).where(
            model.id.in_(bindparam(name, expanding=True)), model.retired_at.is_not(None)
        )
        for name, model in PARENTS.items()
    ]
    return union_all(*selects).order_by("noun", "id").limit(1)
