"""Sums of runs by period and by duration, and the indexes that statistics, feeds and badges read.

Triggers keep the sums in the transaction that changes runs, as those of 0013 keep the counts: of all runs, of each
bakery, of each feedstock, and of each feedstock in each bakery. An id of 0 stands for all bakeries or all feedstocks. A
period is a day, a week, or 16 weeks. Its number counts from the Monday 0001-01-01.

The functions and triggers of PostgreSQL are in the SQL file of this migration. Nobody else can write runs from the
creation of the triggers to the commit. SQLite loses the triggers with the table, as those of 0013.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0021_run_sums"
down_revision = "0020_retired"
branch_labels = None
depends_on = None

# What each event has to count: rows after it, rows before it.
EVENTS = {"insert": {"NEW": 1}, "delete": {"OLD": -1}, "update": {"OLD": -1, "NEW": 1}}
COUNTED = ("bakery_id", "feedstock_id", "started_at", "completed_at", "is_test", "status", "conclusion")

# The tables with the columns that only they have.
KINDS: dict[str, dict[str, type[sa.types.TypeEngine[Any]]]] = {
    "reciperun_count_period": {"status": sa.String, "conclusion": sa.String},
    "reciperun_count_duration": {"seconds": sa.BigInteger},
}
SUM_INDEXES = {
    "reciperun_count_period": ("bakery_id", "feedstock_id", "days", "period"),
    "reciperun_count_duration": ("bakery_id", "feedstock_id", "days", "period", "seconds"),
}
QUEUED = "status = 'queued'"
# Each index of runs with its columns and its condition: of the latest runs of a bakery or a feedstock, of its feed, of
# its badge, and of the oldest run of a queue.
RUN_INDEXES: dict[str, tuple[tuple[str, ...], str | None]] = {
    "bakery_id_started_at_id": (("bakery_id", "started_at", "id"), None),
    "feedstock_id_started_at_id": (("feedstock_id", "started_at", "id"), None),
    "ended": (("feedstock_id", "completed_at", "started_at"), "status = 'completed'"),
    "decided": (("feedstock_id", "is_test", "id"), "conclusion IN ('success', 'failure', 'timed_out')"),
    "queued": (("status", "created_at", "started_at", "is_test"), QUEUED),
    "queued_of_bakery": (("bakery_id", "created_at", "started_at", "is_test"), QUEUED),
    "queued_of_feedstock": (("feedstock_id", "created_at", "started_at", "is_test"), QUEUED),
}

# The days from the Monday 0001-01-01 to the start of a run, and the whole seconds that it took. SQLite keeps any text
# as a time: one that is no time counts as that Monday.
DAY = {
    "postgresql": "({row}started_at::date - DATE '0001-01-01')",
    "sqlite": "coalesce(CAST(julianday(substr({row}started_at, 1, 10)) - 1721425.5 AS INTEGER), 0)",
}
LENGTH = {
    "postgresql": "date_part('epoch', date_trunc('second', {row}completed_at - {row}started_at))::bigint",
    "sqlite": (
        "coalesce(strftime('%s', substr({row}completed_at, 1, 19)) - strftime('%s', substr({row}started_at, 1, 19))"
        " - (substr({row}completed_at, 20) < substr({row}started_at, 20)), 0)"
    ),
}
TIMED = (
    "{row}conclusion IN ('success', 'failure') AND {row}completed_at >= {row}started_at"
    " AND {row}started_at >= '2000-01-01'"
)
# The width of the bucket of a duration: 1 below 128 seconds, and then so that 64 to 128 buckets fill each doubling.
STEP = "".join(f" WHEN length < {2 ** (bits + 7)} THEN {2**bits}" for bits in range(33))

# A run counts in sums of several periods, each of all runs (0, 0), of its bakery (1, 0), of its feedstock (0, 1) or of
# both (1, 1). There are no sums by day for a feedstock, because few runs of one feedstock start in a week.
OF_WEEKS = ((0, 0, 7), (1, 0, 7), (0, 1, 7), (1, 1, 7))
OF_DAYS = ((0, 0, 1), (1, 0, 1), *OF_WEEKS)
OF_ALL = (*OF_DAYS, *((b, f, 112) for b, f, _ in OF_WEEKS))


def slices(kept: Iterable[tuple[int, int, int]]) -> str:
    """The table of the sums in which a run counts: ids times 0 or 1, and the days of the period."""
    return " UNION ALL ".join(f"SELECT {b} AS b, {f} AS f, {days} AS days" for b, f, days in kept)


# The rows of a slice are stored together, because they are read together.
FILL_PERIODS = f"""
INSERT INTO reciperun_count_period (bakery_id, feedstock_id, days, period, is_test, status, conclusion, runs)
SELECT bakery_id * b, feedstock_id * f, days, day / days, is_test, status, conclusion, sum(runs) FROM (
    SELECT bakery_id, feedstock_id, {{day}} AS day, is_test, status, conclusion, count(*) AS runs FROM reciperun
    GROUP BY 1, 2, 3, 4, 5, 6
) AS run CROSS JOIN ({slices(OF_DAYS)}) AS kept
GROUP BY 1, 2, 3, 4, 5, 6, 7 ORDER BY 1, 2, 3, 4
"""
# Grouped at each step, so that PostgreSQL computes each value once.
FILL_DURATIONS = f"""
INSERT INTO reciperun_count_duration (bakery_id, feedstock_id, days, period, is_test, seconds, runs)
SELECT bakery_id * b, feedstock_id * f, days, day / days, is_test, seconds, sum(runs) FROM (
    SELECT bakery_id, feedstock_id, day, is_test, length / step * step + step / 2 AS seconds, sum(runs) AS runs FROM (
        SELECT bakery_id, feedstock_id, day, is_test, length, CASE{{step}} END AS step, sum(runs) AS runs FROM (
            SELECT bakery_id, feedstock_id, {{day}} AS day, is_test, {{length}} AS length, count(*) AS runs
            FROM reciperun WHERE {{timed}} GROUP BY 1, 2, 3, 4, 5
        ) AS timed GROUP BY 1, 2, 3, 4, 5, 6
    ) AS stepped GROUP BY 1, 2, 3, 4, 5
) AS run CROSS JOIN ({slices(OF_ALL)}) AS kept
GROUP BY 1, 2, 3, 4, 5, 6 ORDER BY 1, 2, 3, 4, 6
"""

# On SQLite, for one run: create the rows of its sums that do not exist, and then add to them.
OF_RUN = "bakery_id IN (0, {row}bakery_id) AND feedstock_id IN (0, {row}feedstock_id) AND is_test = {row}is_test"
SAME_PERIOD = OF_RUN + (
    " AND days IN (1, 7) AND period IN ({day}, {day} / 7) AND period = {day} / days AND status = {row}status"
    " AND conclusion IS {row}conclusion"
)
SAME_DURATION = OF_RUN + (
    " AND days IN (1, 7, 112) AND period IN ({day}, {day} / 7, {day} / 112) AND period = {day} / days"
    " AND seconds = {seconds}"
)
SECONDS = (
    "(SELECT length / step * step + step / 2 FROM"
    " (SELECT length, CASE{step} END AS step FROM (SELECT {length} AS length)))"
)
ADD_PERIOD = f"""
INSERT INTO reciperun_count_period (bakery_id, feedstock_id, days, period, is_test, status, conclusion, runs)
SELECT {{row}}bakery_id * b, {{row}}feedstock_id * f, days, {{day}} / days, {{row}}is_test, {{row}}status,
    {{row}}conclusion, 0
FROM ({slices(OF_DAYS)})
WHERE ({{row}}bakery_id * b, {{row}}feedstock_id * f, days)
    NOT IN (SELECT bakery_id, feedstock_id, days FROM reciperun_count_period WHERE {{same_period}});
UPDATE reciperun_count_period SET runs = runs + {{change}} WHERE {{same_period}};
"""
ADD_DURATION = f"""
INSERT INTO reciperun_count_duration (bakery_id, feedstock_id, days, period, is_test, seconds, runs)
SELECT {{row}}bakery_id * b, {{row}}feedstock_id * f, days, {{day}} / days, {{row}}is_test, {{seconds}}, 0
FROM ({slices(OF_ALL)})
WHERE {{timed}} AND ({{row}}bakery_id * b, {{row}}feedstock_id * f, days)
    NOT IN (SELECT bakery_id, feedstock_id, days FROM reciperun_count_duration WHERE {{same_duration}});
UPDATE reciperun_count_duration SET runs = runs + {{change}} WHERE {{timed}} AND {{same_duration}};
"""


def upgrade() -> None:
    create_tables()
    if op.get_bind().dialect.name == "postgresql":
        definitions = Path(__file__).with_suffix(".sql").read_text("utf-8")
        # Percent signs in the file are no parameters.
        op.get_bind().exec_driver_sql(definitions, execution_options={"no_parameters": True})
        op.execute("SET LOCAL work_mem = '256MB'; SET LOCAL maintenance_work_mem = '256MB'")
    else:
        create_sqlite_triggers()
    run = of_row("")
    for fill in (FILL_PERIODS, FILL_DURATIONS):
        op.get_bind().exec_driver_sql(fill.format(**run), execution_options={"no_parameters": True})
    for table, columns in SUM_INDEXES.items():
        op.create_index(f"ix_{table}_slice", table, columns)
    for name, (of, where) in RUN_INDEXES.items():
        condition = sa.text(where) if where else None
        op.create_index(f"ix_reciperun_{name}", "reciperun", of, postgresql_where=condition, sqlite_where=condition)


def create_tables() -> None:
    for table, kind in KINDS.items():
        op.create_table(
            table,
            sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
            sa.Column("bakery_id", sa.Integer(), nullable=False),
            sa.Column("feedstock_id", sa.Integer(), nullable=False),
            sa.Column("days", sa.Integer(), nullable=False),
            sa.Column("period", sa.Integer(), nullable=False),
            *(sa.Column(name, kind_type(), nullable=name == "conclusion") for name, kind_type in kind.items()),
            sa.Column("is_test", sa.Boolean(), nullable=False),
            sa.Column("runs", sa.BigInteger(), nullable=False),
            sa.PrimaryKeyConstraint("id", name=f"{table}_pkey"),
        )


def of_row(row: str) -> dict[str, str]:
    """The parts of statements about the run in `row`, which is empty for the columns of a table."""
    dialect = op.get_bind().dialect.name
    parts = {"row": row, "day": DAY[dialect].format(row=row), "timed": TIMED.format(row=row), "step": STEP}
    parts["length"] = LENGTH[dialect].format(row=row)
    parts["seconds"] = SECONDS.format(**parts)
    return parts | {"same_period": SAME_PERIOD.format(**parts), "same_duration": SAME_DURATION.format(**parts)}


def create_sqlite_triggers() -> None:
    changed = " OR ".join(f"NEW.{name} IS NOT OLD.{name}" for name in COUNTED)
    for event, rows in EVENTS.items():
        of = f"OF {', '.join(COUNTED)} ON reciperun WHEN {changed}" if event == "update" else "ON reciperun"
        steps = "".join(
            (ADD_PERIOD + ADD_DURATION).format(change=change, **of_row(f"{row}.")) for row, change in rows.items()
        )
        op.get_bind().exec_driver_sql(f"CREATE TRIGGER reciperun_sums_{event} AFTER {event} {of} BEGIN {steps} END")


def downgrade() -> None:
    for name in RUN_INDEXES:
        op.drop_index(f"ix_reciperun_{name}", "reciperun")
    postgresql = op.get_bind().dialect.name == "postgresql"
    for event in (*EVENTS, "truncate") if postgresql else EVENTS:
        op.execute(f"DROP TRIGGER reciperun_sums_{event}" + (" ON reciperun" if postgresql else ""))
        if postgresql:
            op.execute(f"DROP FUNCTION reciperun_sums_{event}()")
    if postgresql:
        for kind in ("periods", "durations"):
            op.execute(f"DROP FUNCTION reciperun_sums_compact_{kind}(bigint[])")
    for table in KINDS:
        op.drop_table(table)
