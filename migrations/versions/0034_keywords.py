"""the index of datasets has their keywords as a whole, so all datasets are indexed again"""

import sqlalchemy as sa
from alembic import op

revision = "0034_keywords"
down_revision = "0033_merged_twice"
branch_labels = None
depends_on = None


def upgrade() -> None:
    dataset = sa.table("dataset", sa.column("id"))
    queue = sa.table("dataset_search_queue", sa.column("dataset_id"))
    op.execute(queue.insert().from_select(["dataset_id"], sa.select(dataset.c.id)))


def downgrade() -> None:
    """Change nothing: the release before does not search for the additional words."""
