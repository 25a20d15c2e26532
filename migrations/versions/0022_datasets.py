"""a table of datasets, kept by triggers in the transaction that changes runs

A dataset has the id of the run that was its first build, as the service has told clients so far. From now on it keeps
that id. `dataset_event` says which build replaced which. The functions of PostgreSQL are in the SQL file of this
migration.

SQLite loses the triggers with the table: a later batch operation on `reciperun` has to create them again
(tests/migrations/test_datasets.py would tell).

The new column is added last, because that locks out the readers of runs until the migrations are committed.
"""

from pathlib import Path

import sqlalchemy as sa
from alembic import op

revision = "0022_datasets"
down_revision = "0021_run_sums"
branch_labels = None
depends_on = None

INDEXED = ["feedstock_id", "bakery_id", "recipe_id", "dataset_type", "is_test", "first_build", "last_build"]
INDEXED += ["build_count", "run_id"]
BY_CODE_POINT = dict.fromkeys(("recipe_id", "dataset_type", "snapshot_id"), 'COLLATE "C"')
PUBLISHED = "{0}status = 'completed' AND {0}conclusion = 'success' AND {0}dataset_public_url IS NOT NULL"
FILL = f"""
INSERT INTO dataset
    (id, feedstock_id, recipe_id, dataset_type, is_test, url, bakery_id, run_id, first_build, last_build, build_count)
SELECT first.id, last.feedstock_id, last.recipe_id, last.dataset_type, last.is_test, last.dataset_public_url,
    last.bakery_id, last.id, first.started_at, last.started_at, builds
FROM (
    SELECT min(id) AS first_id, max(id) AS last_id, count(*) AS builds FROM reciperun
    WHERE {PUBLISHED.format("")} GROUP BY feedstock_id, recipe_id, dataset_type, is_test
) AS built
JOIN reciperun AS first ON first.id = first_id
JOIN reciperun AS last ON last.id = last_id
"""

# On SQLite: the dataset of a run, its newest and its oldest build.
DATASET = """
    dataset.feedstock_id = {row}.feedstock_id AND dataset.recipe_id = {row}.recipe_id
    AND dataset.dataset_type IS {row}.dataset_type AND dataset.is_test = {row}.is_test AND merged_into IS NULL
"""
BUILD = f"""
    (SELECT {{which}}(run.id) FROM reciperun AS run WHERE run.feedstock_id = dataset.feedstock_id
    AND run.recipe_id = dataset.recipe_id AND run.dataset_type IS dataset.dataset_type
    AND run.is_test = dataset.is_test AND {PUBLISHED.format("run.")})
"""
NOW = "strftime('%Y-%m-%d %H:%M:%f000', 'now')"
CREATE = """
INSERT INTO dataset (id, feedstock_id, recipe_id, dataset_type, is_test, url, first_build, last_build, build_count)
SELECT
    CASE WHEN EXISTS (SELECT 1 FROM dataset WHERE id = NEW.id)
        THEN 1 + max((SELECT max(id) FROM dataset), (SELECT max(id) FROM reciperun),
            (SELECT seq FROM sqlite_sequence WHERE name = 'reciperun'))
        ELSE NEW.id END,
    NEW.feedstock_id, NEW.recipe_id, NEW.dataset_type, NEW.is_test, '', NEW.started_at, NEW.started_at, 0
WHERE {condition} AND NOT EXISTS (SELECT 1 FROM dataset WHERE {dataset});
UPDATE sqlite_sequence SET seq = (SELECT max(id) FROM dataset)
WHERE name = 'reciperun' AND seq < (SELECT max(id) FROM dataset);
"""
REFRESH = """
UPDATE dataset SET build_count = build_count + {change} WHERE {dataset};
INSERT INTO dataset_event (dataset_id, at, run_id, url, replaced_run_id, replaced_url)
SELECT dataset.id, {now}, newest.id, newest.dataset_public_url, dataset.run_id, nullif(url, '')
FROM dataset LEFT JOIN reciperun AS newest ON newest.id = {newest}
WHERE {dataset} AND (newest.id IS NOT run_id OR newest.dataset_public_url <> url);
UPDATE dataset SET (run_id, url, snapshot_id, bakery_id, first_build, last_build, withdrawn_at) = (
    SELECT newest.id, coalesce(newest.dataset_public_url, dataset.url),
        CASE WHEN newest.id IS NULL THEN dataset.snapshot_id ELSE newest.snapshot_id END,
        coalesce(newest.bakery_id, dataset.bakery_id), coalesce(oldest.started_at, dataset.first_build),
        coalesce(newest.started_at, dataset.last_build),
        CASE WHEN newest.id IS NULL THEN coalesce(dataset.withdrawn_at, {now}) END
    FROM (SELECT 1) AS one
    LEFT JOIN reciperun AS newest ON newest.id = {newest}
    LEFT JOIN reciperun AS oldest ON oldest.id = {oldest}
)
WHERE {dataset};
"""
SHOWN = ["dataset_public_url", "bakery_id", "started_at", "snapshot_id"]
KEY = ["feedstock_id", "recipe_id", "dataset_type", "is_test"]


def upgrade() -> None:
    create_tables()
    # First the triggers: from there on PostgreSQL lets nobody else write runs until this is committed.
    postgresql = op.get_bind().dialect.name == "postgresql"
    if postgresql:
        definitions = Path(__file__).with_suffix(".sql").read_text("utf-8")
        # Percent signs in the file are no parameters.
        op.get_bind().exec_driver_sql(definitions, execution_options={"no_parameters": True})
    op.execute(FILL)
    create_indexes()
    op.add_column("reciperun", sa.Column("snapshot_id", sa.String()))
    op.create_index("ix_reciperun_snapshot_id_id", "reciperun", ["snapshot_id", "id"], postgresql_ops=BY_CODE_POINT)
    if not postgresql:
        create_sqlite_triggers()


def create_tables() -> None:
    op.create_table(
        "dataset",
        sa.Column("id", sa.Integer(), nullable=False, autoincrement=False),
        sa.Column("feedstock_id", sa.Integer(), nullable=False),
        sa.Column("recipe_id", sa.String(), nullable=False),
        sa.Column("dataset_type", sa.String()),
        sa.Column("is_test", sa.Boolean(), nullable=False),
        sa.Column("url", sa.String(), nullable=False),
        sa.Column("snapshot_id", sa.String()),
        sa.Column("run_id", sa.Integer()),
        sa.Column("bakery_id", sa.Integer()),
        sa.Column("first_build", sa.DateTime(), nullable=False),
        sa.Column("last_build", sa.DateTime(), nullable=False),
        sa.Column("build_count", sa.Integer(), nullable=False),
        sa.Column("withdrawn_at", sa.DateTime()),
        sa.Column("merged_into", sa.Integer()),
        sa.Column("title", sa.String()),
        sa.Column("description", sa.String()),
        sa.PrimaryKeyConstraint("id", name="dataset_pkey"),
        sa.ForeignKeyConstraint(
            ["feedstock_id"], ["feedstock.id"], name="dataset_feedstock_id_fkey", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["bakery_id"], ["bakery.id"], name="dataset_bakery_id_fkey", ondelete="SET NULL"),
        sa.ForeignKeyConstraint(["merged_into"], ["dataset.id"], name="dataset_merged_into_fkey", ondelete="CASCADE"),
    )
    op.create_table(
        "dataset_event",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("dataset_id", sa.Integer(), nullable=False),
        sa.Column("at", sa.DateTime(), nullable=False),
        sa.Column("run_id", sa.Integer()),
        sa.Column("url", sa.String()),
        sa.Column("replaced_run_id", sa.Integer()),
        sa.Column("replaced_url", sa.String()),
        sa.PrimaryKeyConstraint("id", name="dataset_event_pkey"),
        sa.ForeignKeyConstraint(
            ["dataset_id"], ["dataset.id"], name="dataset_event_dataset_id_fkey", ondelete="CASCADE"
        ),
        sqlite_autoincrement=True,
    )


def create_indexes() -> None:
    for name in INDEXED:
        order = {name: BY_CODE_POINT[name]} if name in BY_CODE_POINT else {}
        op.create_index(f"ix_dataset_{name}_id", "dataset", [name, "id"], postgresql_ops=order)
    listed = sa.text("merged_into IS NULL")
    op.create_index("ix_dataset_recipe", "dataset", KEY, postgresql_where=listed, sqlite_where=listed)
    if op.get_bind().dialect.name == "postgresql":
        key = [sa.text(part) for part in ("feedstock_id", "recipe_id", "coalesce(dataset_type, '')", "is_test")]
        op.create_index("ix_dataset_key", "dataset", key, unique=True, postgresql_where=listed)
        op.create_index("ix_dataset_url_id", "dataset", [sa.text('substr(url, 1, 255) COLLATE "C"'), "id"])
    op.create_index("ix_dataset_merged_into", "dataset", ["merged_into"])
    op.create_index("ix_dataset_event_dataset_id_id", "dataset_event", ["dataset_id", "id"])


def create_sqlite_triggers() -> None:
    differs = " OR ".join(f"OLD.{name} IS NOT NEW.{name}" for name in [*KEY, *SHOWN, "status", "conclusion"])
    old, new = (f"({PUBLISHED.format(f'{row}.')})" for row in ("OLD", "NEW"))
    create_sqlite_trigger("insert", f"AFTER INSERT ON reciperun WHEN {new}", publish())
    create_sqlite_trigger("delete", f"AFTER DELETE ON reciperun WHEN {old}", refresh("OLD", -1))
    # An update that changes the key leaves one dataset and enters another one.
    steps = publish(new) + refresh("OLD", -1, old)
    create_sqlite_trigger("update", f"AFTER UPDATE ON reciperun WHEN ({old} OR {new}) AND ({differs})", steps)


def publish(condition: str = "1") -> str:
    """The statements for the dataset of NEW, which is created if `condition` holds."""
    return CREATE.format(dataset=DATASET.format(row="NEW"), condition=condition) + refresh("NEW", 1, condition)


def refresh(row: str, change: int, condition: str = "1") -> str:
    """The statements that update the dataset of `row`, whose builds have changed by `change`, if `condition` holds."""
    oldest, newest = (BUILD.format(which=which) for which in ("min", "max"))
    dataset = f"{condition} AND {DATASET.format(row=row)}"
    return REFRESH.format(dataset=dataset, change=change, oldest=oldest, newest=newest, now=NOW)


def create_sqlite_trigger(event: str, when: str, steps: str) -> None:
    op.execute(f"CREATE TRIGGER reciperun_dataset_{event} {when} BEGIN {steps} END")


def downgrade() -> None:
    postgresql = op.get_bind().dialect.name == "postgresql"
    for event in ("insert", "delete", "update", "truncate") if postgresql else ("insert", "delete", "update"):
        op.execute(f"DROP TRIGGER reciperun_dataset_{event}" + (" ON reciperun" if postgresql else ""))
        if postgresql:
            op.execute(f"DROP FUNCTION dataset_{event}()")
    if postgresql:
        op.execute("DROP FUNCTION dataset_refresh(jsonb)")
    op.drop_table("dataset_event")
    op.drop_table("dataset")
    op.drop_index("ix_reciperun_snapshot_id_id", "reciperun")
    op.drop_column("reciperun", "snapshot_id")
