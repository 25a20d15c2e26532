"""ids that runners give to runs, and the secrets with which bakeries sign their reports"""

import sqlalchemy as sa
from alembic import op

revision = "0026_reports"
down_revision = "0025_dataset_search"
branch_labels = None
depends_on = None

KNOWN = sa.text("external_id IS NOT NULL")


def upgrade() -> None:
    op.add_column("reciperun", sa.Column("external_id", sa.String()))
    op.add_column("reciperun", sa.Column("external_url", sa.String()))
    # Only of the runs that have one, so that the runs of a large table are read once and nothing is stored for them.
    op.create_index(
        "ix_reciperun_external_id",
        "reciperun",
        ["external_id", "bakery_id"],
        unique=True,
        postgresql_ops={"external_id": 'COLLATE "C"'},
        postgresql_where=KNOWN,
        sqlite_where=KNOWN,
    )
    op.create_table(
        "bakery_secret",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("bakery_id", sa.Integer(), nullable=False),
        sa.Column("sealed", sa.String(), nullable=False),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.Column("created_by", sa.String(), nullable=False),
        sa.Column("expires_at", sa.DateTime()),
        sa.PrimaryKeyConstraint("id", name="bakery_secret_pkey"),
        sa.ForeignKeyConstraint(["bakery_id"], ["bakery.id"], name="bakery_secret_bakery_id_fkey", ondelete="CASCADE"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_bakery_secret_bakery_id", "bakery_secret", ["bakery_id"])


def downgrade() -> None:
    op.drop_table("bakery_secret")
    op.drop_index("ix_reciperun_external_id", "reciperun")
    op.drop_column("reciperun", "external_url")
    op.drop_column("reciperun", "external_id")
