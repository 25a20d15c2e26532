"""Sums of recipe runs by period, by duration and by class of failure. Triggers of the database update them (migrations
0021 and 0031).

A sum is that of all runs, of a bakery, of a feedstock, or of a feedstock in a bakery: an id of ALL stands for all. The
rows of one kind add up; there may be several. `period` is the number of a period of `days` days, see
`app.models.run_periods`. There are no sums by day for a feedstock, because few runs of one feedstock start in a week.
"""

from collections.abc import Collection, Container, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, Index, Integer
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.orm import Mapped, mapped_column
from sqlalchemy.sql.functions import FunctionElement

from app.database.columns import BIG_ID
from app.database.indexes import unindexed
from app.extensions import db
from app.models.run_periods import DAY, LONG, LONGEST, MONDAY, WEEK, Periods

ALL = 0
PARENTS = ("bakery_id", "feedstock_id")
# Conclusions whose durations count. A run that was cancelled or timed out lasted until somebody or the reaper ended it.
TIMED = ("success", "failure")

EXACT = 128  # seconds; longer durations are counted in buckets
DOUBLINGS = 33  # of EXACT: more than any two times differ by
_STEP = " ".join(f"WHEN length < {EXACT << bits} THEN {1 << bits}" for bits in range(DOUBLINGS))


class RunsOfPeriod(db.Model):
    """The number of runs of one kind that started in one period of `days` days: a day or a week."""

    __tablename__ = "reciperun_count_period"
    __table_args__ = (Index("ix_reciperun_count_period_slice", "bakery_id", "feedstock_id", "days", "period"),)

    id: Mapped[int] = mapped_column(BIG_ID, primary_key=True)
    bakery_id: Mapped[int]
    feedstock_id: Mapped[int]
    days: Mapped[int]
    period: Mapped[int]
    status: Mapped[str]
    conclusion: Mapped[str | None]
    is_test: Mapped[bool]
    runs: Mapped[int] = mapped_column(BigInteger)


class RunsOfDuration(db.Model):
    """The number of runs that started in one period of `days` days and took `seconds`, rounded by `bucket`."""

    __tablename__ = "reciperun_count_duration"
    __table_args__ = (
        Index(
            "ix_reciperun_count_duration_slice",
            *("bakery_id", "feedstock_id", "days", "period", "seconds"),
            *("is_test", "runs"),  # so that a sum of many rows is read from the index alone
        ),
    )

    id: Mapped[int] = mapped_column(BIG_ID, primary_key=True)
    bakery_id: Mapped[int]
    feedstock_id: Mapped[int]
    days: Mapped[int]
    period: Mapped[int]
    seconds: Mapped[int] = mapped_column(BigInteger)
    is_test: Mapped[bool]
    runs: Mapped[int] = mapped_column(BigInteger)


class RunsOfFailure(db.Model):
    """The number of failed runs of one class that started in one period of `days` days.

    There are no sums of all runs: they are those of all bakeries together.
    """

    __tablename__ = "reciperun_count_failure"
    __table_args__ = tuple(
        Index(f"ix_reciperun_count_failure_{name}", first, "days", "period", last, "failure_class", "is_test", "runs")
        # All feedstocks in a bakery are read together, and so are all bakeries with runs of a feedstock.
        for name, first, last in (("bakery", "bakery_id", "feedstock_id"), ("feedstock", "feedstock_id", "bakery_id"))
    )

    id: Mapped[int] = mapped_column(BIG_ID, primary_key=True)
    bakery_id: Mapped[int]
    feedstock_id: Mapped[int]
    days: Mapped[int]
    period: Mapped[int]
    failure_class: Mapped[str]
    is_test: Mapped[bool]
    runs: Mapped[int] = mapped_column(BigInteger)


Sums = RunsOfPeriod | RunsOfDuration | RunsOfFailure
Conditions = list[ColumnElement[bool]]

# For which bakery and feedstock sums exist, and for periods of how many days. 1 stands for the sums of each one, 0 for
# those of all together.
_OF_PERIODS = {(0, 0): (DAY, WEEK), (1, 0): (DAY, WEEK), (0, 1): (WEEK,), (1, 1): (WEEK,)}
_OF_DURATIONS = {ids: (*lengths, LONG) for ids, lengths in _OF_PERIODS.items()}
LENGTHS: dict[type[Sums], dict[tuple[int, int], tuple[int, ...]]] = {
    RunsOfPeriod: _OF_PERIODS,
    RunsOfDuration: _OF_DURATIONS,
    RunsOfFailure: {ids: (*lengths, LONGEST) for ids, lengths in _OF_DURATIONS.items() if any(ids)},
}


def parent_ids(names: Collection[str]) -> tuple[int, int]:
    """For the parents in `names`, the key of LENGTHS."""
    bakery, feedstock = (int(name in names) for name in PARENTS)
    return bakery, feedstock


def unit(names: Collection[str]) -> int:
    """The length in days of the shortest periods for which there are sums of the parents in `names`."""
    return _OF_PERIODS[parent_ids(names)][0]


def matching_sums(
    model: type[Sums], periods: Periods, filters: dict[str, list[Any]], parent: str = "", longest: int = LONGEST
) -> list[Conditions]:
    """The conditions for the sums of the fewest periods, of up to `longest` days each, that cover `periods`.

    `filters` are columns with the values to match. `parent` is one of PARENTS if the sums of each are wanted.
    """
    lengths = tuple(days for days in LENGTHS[model][parent_ids((*filters, parent))] if days <= longest)
    ids: dict[str, list[Any]] = {name: [ALL] for name in PARENTS if name != parent}
    matching = [getattr(model, name).in_(values) for name, values in (ids | filters).items()]
    if parent:
        matching.append(getattr(model, parent) > ALL)
    return [
        [*matching, model.days == days, model.period >= first, model.period < end]
        for days, first, end in periods.cover(lengths)
    ]


def matching_runs(
    columns: Mapping[str, ColumnElement[Any]],
    filters: dict[str, list[Any]],
    since: datetime | None,
    until: datetime | None,
    indexed: Container[str],
) -> Conditions:
    """The conditions for the runs that started at `since` or later, before `until`, and match `filters`.

    `columns` are those of the runs. Only indexes of `indexed` are used.
    """
    usable = {name: column if name in indexed else unindexed(column) for name, column in columns.items()}
    where: Conditions = [usable[name].in_(values) for name, values in filters.items()]
    where += [usable["started_at"] >= since] if since else []
    return where + ([usable["started_at"] < until] if until else [])


class day(FunctionElement[int]):  # noqa: N801  # reads as the SQL function it is
    """The days from MONDAY to a time."""

    type = Integer()
    inherit_cache = True


class seconds(FunctionElement[int]):  # noqa: N801  # reads as the SQL function it is
    """The whole seconds from the first time to the second, which must not be earlier."""

    type = BigInteger()
    inherit_cache = True


class bucket(FunctionElement[int]):  # noqa: N801  # reads as the SQL function it is
    """The middle of the bucket of a duration in whole seconds: exact below EXACT, else less than 1 % from it.

    A bucket is as wide as the largest power of two of which the duration has at least EXACT / 2.
    """

    type = BigInteger()
    inherit_cache = True


@compiles(day, "postgresql")
def _day_postgresql(element: day, compiler: Any, **options: Any) -> str:
    return f"({compiler.process(element.clauses, **options)}::date - DATE '{MONDAY}')"


@compiles(day, "sqlite")
def _day_sqlite(element: day, compiler: Any, **options: Any) -> str:
    # 1721425.5 is the Julian day of MONDAY. A text that is no time counts as that day.
    time = compiler.process(element.clauses, **options)
    return f"coalesce(CAST(julianday(substr({time}, 1, 10)) - 1721425.5 AS INTEGER), 0)"


@compiles(seconds, "postgresql")
def _seconds_postgresql(element: seconds, compiler: Any, **options: Any) -> str:
    begin, end = (compiler.process(clause, **options) for clause in element.clauses)
    # Truncated first, because date_part returns a double, which is not exact to the microsecond for long durations.
    return f"date_part('epoch', date_trunc('second', {end} - {begin}))::bigint"


@compiles(seconds, "sqlite")
def _seconds_sqlite(element: seconds, compiler: Any, **options: Any) -> str:
    # SQLite stores times as text and its functions keep only milliseconds. So subtract the whole seconds, which are the
    # first 19 characters, and compare the rest as text.
    begin, end = (compiler.process(clause, **options) for clause in element.clauses)
    return (
        f"coalesce(strftime('%s', substr({end}, 1, 19)) - strftime('%s', substr({begin}, 1, 19))"
        f" - (substr({end}, 20) < substr({begin}, 20)), 0)"
    )


@compiles(bucket)
def _bucket(element: bucket, compiler: Any, **options: Any) -> str:
    exact = f"(SELECT {compiler.process(element.clauses, **options)} AS length) AS exact"
    return (
        f"(SELECT length / step * step + step / 2 FROM (SELECT length, CASE {_STEP} END AS step FROM {exact}) AS "
        "bucket)"
    )
