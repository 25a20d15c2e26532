"""the version of the tokens by which a dataset is found, so that a release that has others indexes it again"""

import sqlalchemy as sa
from alembic import op

revision = "0034_search_version"
down_revision = "0033_merged_twice"
branch_labels = None
depends_on = None

INDEX = "ix_dataset_search_version_dataset_id"


def upgrade() -> None:
    op.add_column("dataset_search", sa.Column("version", sa.SmallInteger(), nullable=False, server_default="0"))
    op.create_index(INDEX, "dataset_search", ["version", "dataset_id"])


def downgrade() -> None:
    op.drop_index(INDEX, "dataset_search")
    op.drop_column("dataset_search", "version")
