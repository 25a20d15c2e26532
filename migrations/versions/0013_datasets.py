"""an index for the catalogue of datasets

It has all that groups published runs into datasets, so that the runs themselves need not be read.
"""

import sqlalchemy as sa
from alembic import op

revision = "0016_datasets"
down_revision = "0012_list_indexes"
branch_labels = None
depends_on = None

COLUMNS = ["feedstock_id", "recipe_id", "dataset_type", "is_test", "id"]
PUBLISHED = sa.text("status = 'completed' AND conclusion = 'success' AND dataset_public_url IS NOT NULL")


def upgrade() -> None:
    op.create_index("ix_reciperun_published", "reciperun", COLUMNS, postgresql_where=PUBLISHED, sqlite_where=PUBLISHED)


def downgrade() -> None:
    op.drop_index("ix_reciperun_published", "reciperun")
