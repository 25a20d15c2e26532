"""the texts by which datasets are found

The service splits texts into words, because the databases do it differently. Triggers note the datasets whose texts
change, whichever program changes them, and the service indexes these before the next search. All existing datasets are
noted here; `flask datasets index` indexes them at once. The functions of PostgreSQL are in the SQL file of this
migration.

`dataset_description.variable_names` is for lists, which would have to read the whole descriptions.
"""

from pathlib import Path

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import TSVECTOR

revision = "0025_dataset_search"
down_revision = "0024_dataset_descriptions"
branch_labels = None
depends_on = None

# The columns of each table that the documents contain. Without columns, every change of a row is noted.
SOURCES = {
    "dataset": ("feedstock_id", "recipe_id", "url", "title", "description", "merged_into"),
    "feedstock": ("spec",),
    "feedstock_metadata": ("feedstock_id", "title", "description", "keywords"),
    "dataset_description": ("variables", "attributes"),
}
OF_DATASET = "INSERT INTO dataset_search_queue (dataset_id) VALUES ({row}.{key});"
OF_FEEDSTOCK = """
    INSERT INTO dataset_search_queue (dataset_id) SELECT id FROM dataset WHERE feedstock_id = {row}.{key};
"""
# On SQLite: what each trigger does, and its events. A new dataset gets its url by an update.
NOTES = {
    "dataset": (OF_DATASET, "id", ("INSERT", "UPDATE")),
    "feedstock": (OF_FEEDSTOCK, "id", ("UPDATE",)),
    "feedstock_metadata": (OF_FEEDSTOCK, "feedstock_id", ("INSERT", "UPDATE", "DELETE")),
    "dataset_description": (OF_DATASET, "dataset_id", ("INSERT", "UPDATE", "DELETE")),
}
# The index has no copy of the texts, so it needs the old text to forget it. The tokenizer keeps letters of all scripts
# as they are. Positions of words are not stored.
INDEX = """
CREATE VIRTUAL TABLE dataset_search_index USING fts5 (
    document, content = 'dataset_search', content_rowid = 'dataset_id', tokenize = 'ascii', detail = none,
    columnsize = 0
)
"""
ADD = "INSERT INTO dataset_search_index (rowid, document) VALUES (NEW.dataset_id, NEW.document);"
FORGET = """
    INSERT INTO dataset_search_index (dataset_search_index, rowid, document)
    VALUES ('delete', OLD.dataset_id, OLD.document);
"""
FTS = {"INSERT": ADD, "DELETE": FORGET, "UPDATE": FORGET + ADD}


def upgrade() -> None:
    postgresql = op.get_bind().dialect.name == "postgresql"
    op.create_table(
        "dataset_search",
        sa.Column("dataset_id", sa.Integer(), nullable=False, autoincrement=False),
        sa.Column("document", TSVECTOR() if postgresql else sa.Text(), nullable=False),
        sa.Column("names", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("dataset_id", name="dataset_search_pkey"),
        sa.ForeignKeyConstraint(
            ["dataset_id"], ["dataset.id"], name="dataset_search_dataset_id_fkey", ondelete="CASCADE"
        ),
    )
    op.create_table(
        "dataset_search_queue",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("dataset_id", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="dataset_search_queue_pkey"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_dataset_search_queue_dataset_id", "dataset_search_queue", ["dataset_id"])
    if postgresql:
        op.create_index("ix_dataset_search_document", "dataset_search", ["document"], postgresql_using="gin")
        definitions = Path(__file__).with_suffix(".sql").read_text("utf-8")
        # Percent signs in the file are no parameters.
        op.get_bind().exec_driver_sql(definitions, execution_options={"no_parameters": True})
    else:
        create_sqlite_index()
    op.create_index("ix_dataset_is_test_run_id_id", "dataset", ["is_test", "run_id", "id"])
    op.execute("INSERT INTO dataset_search_queue (dataset_id) SELECT id FROM dataset")
    op.add_column("dataset_description", sa.Column("variable_names", sa.JSON()))


def create_sqlite_index() -> None:
    op.execute(INDEX)
    for event, steps in FTS.items():
        name = f"dataset_search_index_{event.lower()}"
        op.execute(f"CREATE TRIGGER {name} AFTER {event} ON dataset_search BEGIN {steps} END")
    for table, (note, key, events) in NOTES.items():
        for event in events:
            row = "OLD" if event == "DELETE" else "NEW"
            differs = " OR ".join(f"OLD.{name} IS NOT NEW.{name}" for name in SOURCES[table])
            when = f" WHEN {differs}" if event == "UPDATE" else ""
            steps = note.format(row=row, key=key)
            name = f"{table}_search_{event.lower()}"
            op.execute(f"CREATE TRIGGER {name} AFTER {event} ON {table}{when} BEGIN {steps} END")


def downgrade() -> None:
    postgresql = op.get_bind().dialect.name == "postgresql"
    op.drop_column("dataset_description", "variable_names")
    op.drop_index("ix_dataset_is_test_run_id_id", "dataset")
    for table, (_, _, events) in NOTES.items():
        for event in events:
            op.execute(f"DROP TRIGGER {table}_search_{event.lower()}" + (f" ON {table}" if postgresql else ""))
    if postgresql:
        op.execute("DROP FUNCTION dataset_search_note()")
    else:
        op.execute("DROP TABLE dataset_search_index")
    op.drop_table("dataset_search_queue")
    op.drop_table("dataset_search")
