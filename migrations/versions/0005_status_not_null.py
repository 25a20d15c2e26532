"""a status for every run (the original's fifth and last revision)

The original dropped its API keys here. This one keeps them: with them their holders go on writing. A run without a
status, which made the original answer 500 to every list it was in, is queued.
"""

import sqlalchemy as sa
from alembic import op

revision = "0499cef6b57a"
down_revision = "70bcddc9fffa"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("UPDATE reciperun SET status = 'queued' WHERE status IS NULL")
    with op.batch_alter_table("reciperun") as batch:
        batch.alter_column("status", existing_type=sa.String(), nullable=False)


def downgrade() -> None:
    with op.batch_alter_table("reciperun") as batch:
        batch.alter_column("status", existing_type=sa.String(), nullable=True)
    if not sa.inspect(op.get_bind()).has_table("apikey"):
        op.create_table(
            "apikey",
            sa.Column("is_active", sa.Boolean()),
            sa.Column("is_admin", sa.Boolean()),
            sa.Column("created_at", sa.DateTime()),
            sa.Column("encrypted_key", sa.String(), nullable=False),
            sa.PrimaryKeyConstraint("encrypted_key", name="apikey_pkey"),
        )
