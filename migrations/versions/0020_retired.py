"""When a bakery or a feedstock was retired: lists hide it, and it gets no new runs."""

import sqlalchemy as sa
from alembic import op

revision = "0020_retired"
down_revision = "0019_feedstock_identity"
branch_labels = None
depends_on = None

TABLES = ("bakery", "feedstock")


def upgrade() -> None:
    # Not as a batch operation: on SQLite it would lose the collation of an index (0019).
    for table in TABLES:
        op.add_column(table, sa.Column("retired_at", sa.DateTime()))


def downgrade() -> None:
    for table in reversed(TABLES):
        op.drop_column(table, "retired_at")
