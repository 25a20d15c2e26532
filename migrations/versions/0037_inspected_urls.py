"""the url at which a dataset was described or checked, because a later build may have another

It is null for what is known already. The next inspection sets it.
"""

import sqlalchemy as sa
from alembic import op

revision = "0037_inspected_urls"
down_revision = "0036_engine_index"
branch_labels = None
depends_on = None

TABLES = ("dataset_description", "dataset_health")


def upgrade() -> None:
    for table in TABLES:
        op.add_column(table, sa.Column("url", sa.String()))


def downgrade() -> None:
    for table in TABLES:
        op.drop_column(table, "url")
