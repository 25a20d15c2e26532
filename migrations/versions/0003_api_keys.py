"""API keys (the original's third revision)"""

import sqlalchemy as sa
from alembic import op

revision = "b0ec74f6d899"
down_revision = "6197f9c7aff6"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "apikey",
        sa.Column("is_active", sa.Boolean()),
        sa.Column("is_admin", sa.Boolean()),
        sa.Column("created_at", sa.DateTime()),
        sa.Column("encrypted_key", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("encrypted_key", name="apikey_pkey"),
    )


def downgrade() -> None:
    op.drop_table("apikey")
