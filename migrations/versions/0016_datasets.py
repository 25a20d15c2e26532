"""an index for the catalogue of datasets

It has all that groups published runs into datasets, so that the runs themselves need not be read. PostgreSQL is told to
learn how many datasets there are: from the columns one by one it guesses a hundred times as many, and reads all runs.
"""

import sqlalchemy as sa
from alembic import op

revision = "0016_datasets"
down_revision = "0015_audit"
branch_labels = None
depends_on = None

COLUMNS = ["feedstock_id", "recipe_id", "dataset_type", "is_test", "id"]
PUBLISHED = sa.text("status = 'completed' AND conclusion = 'success' AND dataset_public_url IS NOT NULL")


STATISTICS = "CREATE STATISTICS reciperun_datasets (ndistinct) ON feedstock_id, recipe_id, dataset_type, is_test"


def upgrade() -> None:
    op.create_index("ix_reciperun_published", "reciperun", COLUMNS, postgresql_where=PUBLISHED, sqlite_where=PUBLISHED)
    if op.get_bind().dialect.name == "postgresql":
        op.execute(f"{STATISTICS} FROM reciperun")


def downgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        op.execute("DROP STATISTICS reciperun_datasets")
    op.drop_index("ix_reciperun_published", "reciperun")
