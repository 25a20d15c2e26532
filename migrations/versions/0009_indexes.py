"""indexes for what the API asks: the runs of a parent, by time, and those with a dataset"""

import sqlalchemy as sa
from alembic import op

revision = "0009_indexes"
down_revision = "0008_server_defaults"
branch_labels = None
depends_on = None

WITH_URL = sa.text("dataset_public_url IS NOT NULL")


def upgrade() -> None:
    for column in ("bakery_id", "feedstock_id", "started_at"):
        op.create_index(f"ix_reciperun_{column}_id", "reciperun", [column, "id"])
    op.create_index(
        "ix_reciperun_dataset", "reciperun", ["feedstock_id", "id"], postgresql_where=WITH_URL, sqlite_where=WITH_URL
    )


def downgrade() -> None:
    op.drop_index("ix_reciperun_dataset", "reciperun")
    for column in ("started_at", "feedstock_id", "bakery_id"):
        op.drop_index(f"ix_reciperun_{column}_id", "reciperun")
