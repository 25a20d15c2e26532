"""take over what the original left: API keys again, and no timestamp that cannot be read

A database that the original's last release migrated has no table of keys. And the original stored timestamps before
the year 1 and after 9999, infinity among them, that no client, nor itself, could read back; they move to the nearest
that can be.

Going back leaves both: the original does not mind a table it does not know, and the keys in it may be the only ones.
"""

import sqlalchemy as sa
from alembic import op

revision = "0006_adopt"
down_revision = "0499cef6b57a"
branch_labels = None
depends_on = None


def upgrade() -> None:
    if not sa.inspect(op.get_bind()).has_table("apikey"):
        op.create_table(
            "apikey",
            sa.Column("is_active", sa.Boolean()),
            sa.Column("is_admin", sa.Boolean()),
            sa.Column("created_at", sa.DateTime()),
            sa.Column("encrypted_key", sa.String(), nullable=False),
            sa.PrimaryKeyConstraint("encrypted_key", name="apikey_pkey"),
        )
    if op.get_bind().dialect.name == "postgresql":  # SQLite keeps text, which the original wrote within the range
        for column in ("started_at", "completed_at"):
            op.execute(
                f"UPDATE reciperun SET {column} = greatest('0001-01-01'::timestamp, "
                f"least('9999-12-31 23:59:59.999999'::timestamp, {column})) "
                f"WHERE {column} < '0001-01-01' OR {column} > '9999-12-31 23:59:59.999999'"
            )


def downgrade() -> None:
    pass
