"""functions that name no schema

Migration 0013 named the schema of the counts in the functions of the triggers. After `ALTER SCHEMA … RENAME`, every
write of a run failed. The new functions find the counts beside the table that has changed, so the tables may be in any
schema, and two copies may be in one database. The definitions are in the SQL file of this migration, so that an
operator can run it alone.

The downgrade keeps the functions, because they also do what the release before needs. SQLite has no schemas, and
nothing to change.
"""

from pathlib import Path

from alembic import op

revision = "0018_portable_functions"
down_revision = "0017_readable_times"
branch_labels = None
depends_on = None


def upgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        definitions = Path(__file__).with_suffix(".sql").read_text("utf-8")
        # Percent signs in the file are no parameters.
        op.get_bind().exec_driver_sql(definitions, execution_options={"no_parameters": True})


def downgrade() -> None:
    pass
