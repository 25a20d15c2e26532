"""Counts of recipe runs. Triggers of the database update them (migration 0013), whichever program writes the runs."""

from functools import lru_cache
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, Select, cast, func, select
from sqlalchemy.orm import InstrumentedAttribute, Mapped, mapped_column

from app.database.columns import BIG_ID
from app.database.filters import FilterKey, matches, parametrise
from app.database.statements import fetch
from app.extensions import db

ALL = "all"
PARENTS = {"feedstock_id": "feedstock", "bakery_id": "bakery"}
KIND = ("status", "conclusion", "is_test", "has_dataset")


class RunCount(db.Model):
    """One change of the number of runs of one kind in one slice. The sum over the rows of a slice is its count.

    Slices are `all`, `feedstock 7` or `bakery 3`.
    """

    __tablename__ = "reciperun_count"

    id: Mapped[int] = mapped_column(BIG_ID, primary_key=True)
    slice: Mapped[str] = mapped_column(index=True)
    status: Mapped[str]
    conclusion: Mapped[str | None]
    is_test: Mapped[bool]
    has_dataset: Mapped[bool]
    runs: Mapped[int] = mapped_column(BigInteger)


def total(runs: ColumnElement[int] | InstrumentedAttribute[int]) -> ColumnElement[int]:
    """The sum of numbers of runs. Without the cast PostgreSQL returns a numeric."""
    return cast(func.sum(runs), BigInteger)


TOTAL = total(RunCount.runs)


def covers(filters: dict[str, Any]) -> bool:
    """Whether the counts can answer `filters` (`app.database.filters`): columns of KIND, and at most one of PARENTS."""
    return filters.keys() <= {*PARENTS, *KIND} and not filters.keys() >= PARENTS.keys()


def count(filters: dict[str, Any]) -> int:
    """Return the number of runs that match `filters`. The counts must cover them."""
    kinds = {name: value if isinstance(value, list) else [value] for name, value in filters.items()}
    filter_key, values = parametrise(
        RunCount, {"slice": _slices(filters)} | {name: kinds[name] for name in KIND if name in kinds}
    )
    total: int = fetch(_sum(filter_key), values)[0][0]
    return total


@lru_cache(maxsize=64)
def _sum(filter_key: FilterKey) -> Select[Any]:
    """Return the statement for the sum of the counts that match `filter_key`."""
    columns = RunCount.__table__.columns
    matching = (matches(columns[name], name, form) for name, form in filter_key.forms)
    return select(func.coalesce(TOTAL, 0)).where(*matching)


def _slices(filters: dict[str, Any]) -> list[str]:
    """Return the slices of the bakeries or feedstocks in `filters`, or the slice of all runs."""
    for name in PARENTS.keys() & filters.keys():
        return [f"{PARENTS[name]} {number}" for number in filters[name]]
    return [ALL]
