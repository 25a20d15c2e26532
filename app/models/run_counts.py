"""Counts of recipe runs. Triggers of the database update them (migration 0013), whichever program writes the runs.

Counts of the runs that started in a time come from `app.models.run_sums`.
"""

from datetime import datetime
from functools import lru_cache
from typing import Any, ClassVar

from sqlalchemy import BigInteger, ColumnElement, Select, cast, func, inspect, select, union_all
from sqlalchemy.orm import InstrumentedAttribute, Mapped, mapped_column

from app.database.columns import BIG_ID
from app.database.filters import Filter, FilterKey, is_set, matches, parametrise
from app.database.statements import fetch
from app.extensions import Base, db
from app.models import run_sums
from app.models.run_periods import Periods
from app.models.run_sums import RunsOfFailure, RunsOfPeriod

ALL = "all"
PARENTS = {"feedstock_id": "feedstock", "bakery_id": "bakery"}
KIND = ("status", "conclusion", "is_test", "has_dataset", "has_conclusion")
# The filters by start, and by columns of sums besides PARENTS.
SINCE, UNTIL = ("since", "started_after"), ("until", "started_before")
KIND_OF_SUMS: dict[type[RunsOfPeriod | RunsOfFailure], set[str]] = {
    RunsOfPeriod: {"status", "conclusion", "is_test"},
    RunsOfFailure: {"failure_class", "is_test"},
}


class RunCount(db.Model):
    """One change of the number of runs of one kind in one slice. The sum over the rows of a slice is its count.

    Slices are `all`, `feedstock 7` or `bakery 3`.
    """

    __tablename__ = "reciperun_count"

    filters: ClassVar[dict[str, Filter]] = {"has_conclusion": is_set("conclusion")}

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


def kept(model: type[Base], filters: dict[str, Any]) -> int | None:
    """The number of runs that match `filters` of their `model`; None if neither counts nor sums cover them.

    Runs are counted one by one only in a day, or a week of a feedstock, that a time divides.
    """
    if covers(filters):
        return count(filters)
    values = {name: value if isinstance(value, list) else [value] for name, value in filters.items()}
    since = max((time for name in SINCE for time in values.pop(name, ())), default=None)
    until = min((time for name in UNTIL for time in values.pop(name, ())), default=None)
    sums = next((sums for sums, kind in KIND_OF_SUMS.items() if values.keys() <= {*PARENTS, *kind}), None)
    return _from_sums(sums, model, since, until, values) if sums else None


def _from_sums(
    sums: type[RunsOfPeriod | RunsOfFailure],
    model: type[Base],
    since: datetime | None,
    until: datetime | None,
    values: dict[str, list[Any]],
) -> int:
    """The sum of the whole periods, and of the runs that started in one that a time divides."""
    parent = "" if run_sums.parent_ids(values) in run_sums.LENGTHS[sums] else "bakery_id"
    periods = Periods(since, until, run_sums.unit((*values, parent)))
    parts: list[Select[Any]] = [
        select(sums.runs).where(*where) for where in run_sums.matching_sums(sums, periods, values, parent)
    ]
    columns = dict(inspect(model).columns.items())
    for _, first, end in periods.divided():
        where = run_sums.matching_runs(columns, values, first, end, indexed=(*PARENTS, "started_at"))
        parts.append(select(func.count()).select_from(model).where(*where))
    ((number,),) = fetch(select(func.coalesce(total(union_all(*parts).subquery().c.runs), 0)))
    return int(number)


def covers(filters: dict[str, Any]) -> bool:
    """Whether the counts can answer `filters` (`app.database.filters`): columns of KIND, and at most one of PARENTS."""
    return filters.keys() <= {*PARENTS, *KIND} and not filters.keys() >= PARENTS.keys()


def count(filters: dict[str, Any]) -> int:
    """Return the number of runs that match `filters`. The counts must cover them."""
    kinds = {name: filters[name] for name in KIND if name in filters}
    filter_key, values = parametrise(RunCount, {"slice": _slices(filters), **kinds})
    total: int = fetch(_sum(filter_key), values)[0][0]
    return total


@lru_cache(maxsize=64)
def _sum(filter_key: FilterKey) -> Select[Any]:
    """Return the statement for the sum of the counts that match `filter_key`."""
    columns = RunCount.__table__.columns
    matching = (
        RunCount.filters[name].condition(columns, name, form)
        if name in RunCount.filters
        else matches(columns[name], name, form)
        for name, form in filter_key.forms
    )
    return select(func.coalesce(TOTAL, 0)).where(*matching)


def _slices(filters: dict[str, Any]) -> list[str]:
    """Return the slices of the bakeries or feedstocks in `filters`, or the slice of all runs."""
    for name in PARENTS.keys() & filters.keys():
        return [f"{PARENTS[name]} {number}" for number in filters[name]]
    return [ALL]
