"""an index of descriptions by engine, for searches by format"""

from alembic import op

revision = "0036_engine_index"
down_revision = "0035_pictured_variable"
branch_labels = None
depends_on = None

INDEX = "ix_dataset_description_engine_dataset_id"


def upgrade() -> None:
    op.create_index(INDEX, "dataset_description", ["engine", "dataset_id"])


def downgrade() -> None:
    op.drop_index(INDEX, "dataset_description")
