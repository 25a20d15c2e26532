"""Retired bakeries and feedstocks, which get no new runs."""

from collections.abc import Sequence
from functools import cache
from typing import Any

from sqlalchemy import Executable, literal, select, union_all
from werkzeug.exceptions import Conflict

from app.database.columns import wire_time
from app.database.filters import MANY, ONE, matches
from app.extensions import db
from app.models import Bakery, Feedstock

PARENTS: dict[str, type[Bakery] | type[Feedstock]] = {"bakery_id": Bakery, "feedstock_id": Feedstock}


def require_in_use(runs: Sequence[dict[str, Any]]) -> None:
    """Raise 409 if a bakery or a feedstock of `runs` is retired. If one does not exist, the insert finds it."""
    many = len(runs) > 1
    ids = {name: list({run[name] for run in runs}) if many else runs[0][name] for name in PARENTS}
    for noun, number, retired_at in db.session.connection().execute(_retired(MANY if many else ONE), ids):
        raise Conflict(
            f"{noun} {number} is retired since {wire_time(retired_at)} and gets no new runs. To use it again, set its "
            "retired_at to null."
        )


@cache
def _retired(form: int) -> Executable:
    """Select the retired ones, the first of them first. A list of ids (MANY) costs SQLAlchemy more than one id."""
    selects = [
        select(literal(model.noun).label("noun"), model.id, model.retired_at).where(
            matches(model.__table__.c.id, name, form), model.retired_at.is_not(None)
        )
        for name, model in PARENTS.items()
    ]
    return union_all(*selects).order_by("noun", "id").limit(1)
