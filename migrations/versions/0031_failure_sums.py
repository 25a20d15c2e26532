"""sums of failed runs by the class of their reason

Triggers keep them as those of 0021 keep the other sums: of each bakery, of each feedstock, and of each feedstock in
each bakery. An id of 0 stands for all bakeries or all feedstocks. The sums of all runs are those of all bakeries
together.

The functions and triggers of PostgreSQL are in the SQL file of this migration. Nobody else can write runs from the
creation of the triggers to the commit. SQLite loses the triggers with the table, as those of 0013.

The statistics no longer read an index of failed runs by class. They read one by time, for the days or weeks that a time
divides.

The SQL file also replaces the functions of 0018 and 0021 that add up rows. They took seconds while PostgreSQL took the
tables for empty. The downgrade keeps the new ones.
"""

from collections.abc import Iterable
from pathlib import Path

import sqlalchemy as sa
from alembic import op

revision = "0031_failure_sums"
down_revision = "0030_covering_index"
branch_labels = None
depends_on = None

TABLE = "reciperun_count_failure"
# For the sums of all feedstocks in one bakery or in all, and for those of all bakeries.
INDEXES = {
    "bakery": ("bakery_id", "days", "period", "feedstock_id", "failure_class", "is_test", "runs"),
    "feedstock": ("feedstock_id", "days", "period", "bakery_id", "failure_class", "is_test", "runs"),
}
OLD_INDEX = ("failure_class", "feedstock_id", "bakery_id", "is_test", "started_at")
NEW_INDEX = ("started_at", "failure_class", "feedstock_id", "bakery_id", "is_test")
FAILED = "failure_class IS NOT NULL"

# What each event has to count: rows after it, rows before it.
EVENTS = {"insert": {"NEW": 1}, "delete": {"OLD": -1}, "update": {"OLD": -1, "NEW": 1}}
COUNTED = ("bakery_id", "feedstock_id", "started_at", "is_test", "failure_class")

# The days from the Monday 0001-01-01 to the start of a run. SQLite keeps any text as a time: one that is no time counts
# as that Monday.
DAY = {
    "postgresql": "({row}started_at::date - DATE '0001-01-01')",
    "sqlite": "coalesce(CAST(julianday(substr({row}started_at, 1, 10)) - 1721425.5 AS INTEGER), 0)",
}
# A run counts in sums of several periods, each of its bakery (1, 0), of its feedstock (0, 1) or of both (1, 1). There
# are no sums by day for a feedstock, because few runs of one feedstock start in a week.
SLICES = ((1, 0), (0, 1), (1, 1))
KEPT = ((1, 0, 1), *((b, f, days) for b, f in SLICES for days in (7, 112, 1792)))


def slices(kept: Iterable[tuple[int, int, int]]) -> str:
    """The table of the sums in which a run counts: ids times 0 or 1, and the days of the period."""
    return " UNION ALL ".join(f"SELECT {b} AS b, {f} AS f, {days} AS days" for b, f, days in kept)


# The rows of a slice are stored together, because they are read together.
FILL = f"""
INSERT INTO {TABLE} (bakery_id, feedstock_id, days, period, is_test, failure_class, runs)
SELECT bakery_id * b, feedstock_id * f, days, day / days, is_test, failure_class, sum(runs) FROM (
    SELECT bakery_id, feedstock_id, {{day}} AS day, is_test, failure_class, count(*) AS runs FROM reciperun
    WHERE {FAILED} GROUP BY 1, 2, 3, 4, 5
) AS run CROSS JOIN ({slices(KEPT)}) AS kept
GROUP BY 1, 2, 3, 4, 5, 6 ORDER BY 1, 2, 3, 4
"""
# On SQLite, for one run: create the rows of its sums that do not exist, and then add to them.
SAME = (
    "bakery_id IN (0, {row}.bakery_id) AND feedstock_id IN (0, {row}.feedstock_id) AND is_test = {row}.is_test"
    " AND days IN (1, 7, 112, 1792) AND period IN ({day}, {day} / 7, {day} / 112, {day} / 1792)"
    " AND period = {day} / days AND failure_class = {row}.failure_class"
)
ADD = f"""
INSERT INTO {TABLE} (bakery_id, feedstock_id, days, period, is_test, failure_class, runs)
SELECT {{row}}.bakery_id * b, {{row}}.feedstock_id * f, days, {{day}} / days, {{row}}.is_test, {{row}}.failure_class, 0
FROM ({slices(KEPT)})
WHERE {{row}}.{FAILED} AND ({{row}}.bakery_id * b, {{row}}.feedstock_id * f, days)
    NOT IN (SELECT bakery_id, feedstock_id, days FROM {TABLE} WHERE {{same}});
UPDATE {TABLE} SET runs = runs + {{change}} WHERE {{row}}.{FAILED} AND {{same}};
"""


def upgrade() -> None:
    op.create_table(
        TABLE,
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("bakery_id", sa.Integer(), nullable=False),
        sa.Column("feedstock_id", sa.Integer(), nullable=False),
        sa.Column("days", sa.Integer(), nullable=False),
        sa.Column("period", sa.Integer(), nullable=False),
        sa.Column("failure_class", sa.String(), nullable=False),
        sa.Column("is_test", sa.Boolean(), nullable=False),
        sa.Column("runs", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=f"{TABLE}_pkey"),
    )
    dialect = op.get_bind().dialect.name
    if dialect == "postgresql":
        definitions = Path(__file__).with_suffix(".sql").read_text("utf-8")
        # Percent signs in the file are no parameters.
        op.get_bind().exec_driver_sql(definitions, execution_options={"no_parameters": True})
    else:
        create_sqlite_triggers()
    op.get_bind().exec_driver_sql(FILL.format(day=DAY[dialect].format(row="")))
    for name, columns in INDEXES.items():
        op.create_index(f"ix_{TABLE}_{name}", TABLE, columns)
    replace_index(NEW_INDEX)


def create_sqlite_triggers() -> None:
    changed = " OR ".join(f"NEW.{name} IS NOT OLD.{name}" for name in COUNTED)
    for event, rows in EVENTS.items():
        of = f"OF {', '.join(COUNTED)} ON reciperun WHEN {changed}" if event == "update" else "ON reciperun"
        steps = ""
        for row, change in rows.items():
            day = DAY["sqlite"].format(row=f"{row}.")
            steps += ADD.format(row=row, change=change, day=day, same=SAME.format(row=row, day=day))
        op.execute(f"CREATE TRIGGER reciperun_failures_{event} AFTER {event} {of} BEGIN {steps} END")


def replace_index(columns: tuple[str, ...]) -> None:
    failed = sa.text(FAILED)
    op.drop_index("ix_reciperun_failed", "reciperun")
    op.create_index("ix_reciperun_failed", "reciperun", columns, postgresql_where=failed, sqlite_where=failed)


def downgrade() -> None:
    replace_index(OLD_INDEX)
    postgresql = op.get_bind().dialect.name == "postgresql"
    for event in (*EVENTS, "truncate") if postgresql else EVENTS:
        op.execute(f"DROP TRIGGER reciperun_failures_{event}" + (" ON reciperun" if postgresql else ""))
        if postgresql:
            op.execute(f"DROP FUNCTION reciperun_failures_{event}()")
    if postgresql:
        op.execute("DROP FUNCTION reciperun_failures_compact(bigint[])")
    op.drop_table(TABLE)
