"""How many runs there are, kept by triggers of the database (migration 0013), whoever writes the runs."""

from functools import lru_cache
from typing import Any

from sqlalchemy import BigInteger, Select, cast, func, select
from sqlalchemy.orm import Mapped, mapped_column

from app.database.columns import BIG_ID
from app.database.filters import FilterKey, among, parametrise
from app.database.statements import fetch
from app.extensions import db

ALL = "all"
PARENTS = {"feedstock_id": "feedstock", "bakery_id": "bakery"}
KIND = ("status", "conclusion", "is_test", "has_dataset")


class RunCount(db.Model):
    """By how much the number of runs of one kind has changed in a slice; as a sum over its rows, how many there are.

    The slices: `all`, `feedstock 7`, `bakery 3`.
    """

    __tablename__ = "reciperun_count"

    id: Mapped[int] = mapped_column(BIG_ID, primary_key=True)
    slice: Mapped[str] = mapped_column(index=True)
    status: Mapped[str]
    conclusion: Mapped[str | None]
    is_test: Mapped[bool]
    has_dataset: Mapped[bool]
    runs: Mapped[int] = mapped_column(BigInteger)


TOTAL = cast(func.sum(RunCount.runs), BigInteger)  # of some rows; else PostgreSQL makes a numeric of it


def cover(filters: dict[str, Any]) -> bool:
    """Whether the runs that fit `filters` (`app.database.filters`) are counted: by kind, and by one parent at most."""
    return filters.keys() <= {*PARENTS, *KIND} and not filters.keys() >= PARENTS.keys()


def count(filters: dict[str, Any]) -> int:
    """How many runs fit `filters`, which the counts have to cover."""
    kinds = {name: value if isinstance(value, list) else [value] for name, value in filters.items()}
    filter_key, values = parametrise(
        RunCount, {"slice": _slices(filters)} | {name: kinds[name] for name in KIND if name in kinds}
    )
    total: int = fetch(_sum(filter_key), values)[0][0]
    return total


@lru_cache(maxsize=64)
def _sum(filter_key: FilterKey) -> Select[Any]:
    """The sum of the counts that have, in each column of `filter_key`, what that allows."""
    columns = RunCount.__table__.columns
    allowed = (among(columns[name], name, form) for name, form in filter_key)
    return select(func.coalesce(TOTAL, 0)).where(*allowed)


def _slices(filters: dict[str, Any]) -> list[str]:
    """The slices that hold the runs of the parents in `filters`."""
    for name in PARENTS.keys() & filters.keys():
        return [f"{PARENTS[name]} {number}" for number in filters[name]]
    return [ALL]
