"""indexes for searches by extent and by time

They contain all that such a search reads, because the descriptions themselves are long.
"""

from alembic import op

revision = "0029_description_indexes"
down_revision = "0028_failures"
branch_labels = None
depends_on = None

INDEXES = {
    "ix_dataset_description_extent": ["south", "north", "west", "east", "dataset_id"],
    "ix_dataset_description_times": ["time_start", "time_end", "dataset_id"],
}


def upgrade() -> None:
    for name, columns in INDEXES.items():
        op.create_index(name, "dataset_description", columns)


def downgrade() -> None:
    for name in INDEXES:
        op.drop_index(name, "dataset_description")
