"""dataset columns (the original's fourth revision)

The default that lets existing rows take the new flag is dropped again, as the original has none.
"""

import sqlalchemy as sa
from alembic import op

revision = "70bcddc9fffa"
down_revision = "b0ec74f6d899"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("reciperun") as batch:
        batch.add_column(sa.Column("is_test", sa.Boolean(), server_default=sa.false(), nullable=False))
        batch.add_column(sa.Column("dataset_type", sa.String()))
        batch.add_column(sa.Column("dataset_public_url", sa.String()))
    with op.batch_alter_table("reciperun") as batch:
        batch.alter_column("is_test", existing_type=sa.Boolean(), existing_nullable=False, server_default=None)


def downgrade() -> None:
    with op.batch_alter_table("reciperun") as batch:
        batch.drop_column("dataset_public_url")
        batch.drop_column("dataset_type")
        batch.drop_column("is_test")
