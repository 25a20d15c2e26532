"""counts of runs, kept by triggers in the transaction that changes runs

The runs of a slice are the sum over its rows: of all runs, of those of a feedstock, of those of a bakery. PostgreSQL
appends what a statement changed and never updates a row, so that no writer waits for another; one statement in a
hundred puts the rows of the slices it touched together. SQLite has one writer at a time, who updates.

SQLite loses the triggers with the table: a later batch operation on `reciperun` has to create them again
(tests/migrations/test_run_counts.py would tell).
"""

import sqlalchemy as sa
from alembic import op

revision = "0013_run_counts"
down_revision = "0012_list_indexes"
branch_labels = None
depends_on = None

# What each event has to count: rows after it, rows before it.
EVENTS = {"insert": {"new": 1}, "delete": {"old": -1}, "update": {"new": 1, "old": -1}}

FILL = """
INSERT INTO reciperun_count (slice, status, conclusion, is_test, has_dataset, runs)
SELECT {slice}, status, conclusion, is_test, dataset_public_url IS NOT NULL, count(*) FROM reciperun
GROUP BY 1, 2, 3, 4, 5
"""

# Functions run as their owner, so that whoever may write runs need not know of counts. That is safe because all they
# mention is in pg_catalog or of a named schema, and nobody else may make a trigger of them.
APPEND = """
CREATE FUNCTION reciperun_count_{event}() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    touched text[];
BEGIN
    WITH appended AS (
        INSERT INTO {schema}.reciperun_count (slice, status, conclusion, is_test, has_dataset, runs)
        SELECT slice, status, conclusion, is_test, has_dataset, sum(change)
        FROM ({changes}) AS run
        CROSS JOIN LATERAL (VALUES ('all'), ('feedstock ' || feedstock_id), ('bakery ' || bakery_id)) AS of (slice)
        GROUP BY 1, 2, 3, 4, 5
        HAVING sum(change) <> 0
        RETURNING slice
    )
    SELECT array_agg(DISTINCT slice) INTO touched FROM appended;
    -- Stricter transactions fail where another has deleted what they would.
    IF touched IS NOT NULL AND random() < 0.01 AND current_setting('transaction_isolation') = 'read committed' THEN
        PERFORM {schema}.reciperun_count_compact(touched);
    END IF;
    RETURN NULL;
END $$
"""
CHANGES = """
SELECT feedstock_id, bakery_id, status, conclusion, is_test, dataset_public_url IS NOT NULL AS has_dataset,
    {change} AS change
FROM {row}_runs
"""
COMPACT = """
CREATE FUNCTION reciperun_count_compact(slices text[]) RETURNS void
LANGUAGE sql SET search_path = pg_catalog, pg_temp AS $$
    WITH taken AS (
        DELETE FROM {schema}.reciperun_count WHERE id IN (
            SELECT id FROM {schema}.reciperun_count WHERE slice = ANY (slices) FOR UPDATE SKIP LOCKED
        )
        RETURNING slice, status, conclusion, is_test, has_dataset, runs
    )
    INSERT INTO {schema}.reciperun_count (slice, status, conclusion, is_test, has_dataset, runs)
    SELECT slice, status, conclusion, is_test, has_dataset, sum(runs) FROM taken
    GROUP BY 1, 2, 3, 4, 5
    HAVING sum(runs) <> 0
$$
"""
TRUNCATE = """
CREATE FUNCTION reciperun_count_truncate() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    TRUNCATE {schema}.reciperun_count;
    RETURN NULL;
END $$
"""

# On SQLite: the rows of a run, made if they are not there yet, then moved by one.
ROW = """
    slice IN ('all', 'feedstock ' || {row}.feedstock_id, 'bakery ' || {row}.bakery_id) AND status = {row}.status
    AND conclusion IS {row}.conclusion AND is_test = {row}.is_test
    AND has_dataset = ({row}.dataset_public_url IS NOT NULL)
"""
UPSERT = """
INSERT INTO reciperun_count (slice, status, conclusion, is_test, has_dataset, runs)
SELECT column1, {row}.status, {row}.conclusion, {row}.is_test, {row}.dataset_public_url IS NOT NULL, 0
FROM (VALUES ('all'), ('feedstock ' || {row}.feedstock_id), ('bakery ' || {row}.bakery_id))
WHERE column1 NOT IN (SELECT slice FROM reciperun_count WHERE {same});
UPDATE reciperun_count SET runs = runs + {change} WHERE {same};
"""
COUNTED = "feedstock_id, bakery_id, status, conclusion, is_test, dataset_public_url"


def upgrade() -> None:
    op.create_table(
        "reciperun_count",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("slice", sa.String(), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("conclusion", sa.String()),
        sa.Column("is_test", sa.Boolean(), nullable=False),
        sa.Column("has_dataset", sa.Boolean(), nullable=False),
        sa.Column("runs", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="reciperun_count_pkey"),
    )
    op.create_index("ix_reciperun_count_slice", "reciperun_count", ["slice"])
    # First the triggers: from there on PostgreSQL lets nobody else write runs until this is committed.
    if op.get_bind().dialect.name == "postgresql":
        start_on_postgresql()
    else:
        start_on_sqlite()
    for of in ("'all'", "'feedstock ' || feedstock_id", "'bakery ' || bakery_id"):
        op.execute(FILL.format(slice=of))


def start_on_postgresql() -> None:
    schema = op.get_bind().scalar(sa.text("SELECT quote_ident(current_schema())"))
    op.execute(COMPACT.format(schema=schema))
    for event, rows in EVENTS.items():
        changes = " UNION ALL ".join(CHANGES.format(row=row, change=change) for row, change in rows.items())
        op.execute(APPEND.format(schema=schema, event=event, changes=changes))
        create_trigger(event, "REFERENCING " + " ".join(f"{row} TABLE AS {row}_runs" for row in rows))
    op.execute(TRUNCATE.format(schema=schema))
    create_trigger("truncate")


def create_trigger(event: str, tables: str = "") -> None:
    name = f"reciperun_count_{event}"
    op.execute(f"REVOKE EXECUTE ON FUNCTION {name}() FROM PUBLIC")
    op.execute(f"CREATE TRIGGER {name} AFTER {event} ON reciperun {tables} EXECUTE FUNCTION {name}()")


def start_on_sqlite() -> None:
    for event, rows in EVENTS.items():
        columns = f"OF {COUNTED}" if event == "update" else ""
        steps = "".join(UPSERT.format(row=row, change=change, same=ROW.format(row=row)) for row, change in rows.items())
        op.execute(f"CREATE TRIGGER reciperun_count_{event} AFTER {event} {columns} ON reciperun BEGIN {steps} END")


def downgrade() -> None:
    postgresql = op.get_bind().dialect.name == "postgresql"
    for event in (*EVENTS, "truncate") if postgresql else EVENTS:
        op.execute(f"DROP TRIGGER reciperun_count_{event}" + (" ON reciperun" if postgresql else ""))
        if postgresql:
            op.execute(f"DROP FUNCTION reciperun_count_{event}()")
    if postgresql:
        op.execute("DROP FUNCTION reciperun_count_compact(text[])")
    op.drop_index("ix_reciperun_count_slice", "reciperun_count")
    op.drop_table("reciperun_count")
