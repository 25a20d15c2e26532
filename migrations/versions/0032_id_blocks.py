"""indexes of the times of runs and of the audit log by blocks of ids

A list of the newest runs in the order of ids read all older ones first. These indexes tell in which block of 8,192 ids
the rows of a time begin and end.
"""

import sqlalchemy as sa
from alembic import op

revision = "0032_id_blocks"
down_revision = "0031_failure_sums"
branch_labels = None
depends_on = None

TIMES = (("reciperun", "started_at"), ("reciperun", "completed_at"), ("audit", "at"))


def upgrade() -> None:
    for table, time in TIMES:
        op.create_index(f"ix_{table}_{time}_block", table, [sa.text("(id >> 13)"), time])


def downgrade() -> None:
    for table, time in TIMES:
        op.drop_index(f"ix_{table}_{time}_block", table)
