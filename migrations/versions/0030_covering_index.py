"""an index with all that the percentiles of durations read

The rows of one sum are far apart in the table. An index that has the numbers of runs too is read instead of the table.
"""

from alembic import op

revision = "0030_covering_index"
down_revision = "0029_description_indexes"
branch_labels = None
depends_on = None

TABLE, NAME = "reciperun_count_duration", "ix_reciperun_count_duration_slice"
KEY = ("bakery_id", "feedstock_id", "days", "period", "seconds")
COVERED = ("is_test", "runs")


def upgrade() -> None:
    op.drop_index(NAME, TABLE)
    op.create_index(NAME, TABLE, [*KEY, *COVERED])


def downgrade() -> None:
    op.drop_index(NAME, TABLE)
    op.create_index(NAME, TABLE, [*KEY])
