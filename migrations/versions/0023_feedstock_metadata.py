"""what the data of a feedstock are about

A new table, which the release before does not read. A feedstock has no row until somebody describes it.
"""

import sqlalchemy as sa
from alembic import op

revision = "0023_feedstock_metadata"
down_revision = "0022_datasets"
branch_labels = None
depends_on = None

TEXTS = ("title", "description", "license", "license_text", "license_url")
LISTS = ("providers", "maintainers", "keywords", "links")
MORE_TEXTS = ("thumbnail_url", "citation", "acknowledgements")


def upgrade() -> None:
    op.create_table(
        "feedstock_metadata",
        sa.Column("feedstock_id", sa.Integer(), autoincrement=False, nullable=False),
        *(sa.Column(name, sa.String()) for name in TEXTS),
        *(sa.Column(name, sa.JSON(), nullable=False) for name in LISTS),
        *(sa.Column(name, sa.String()) for name in MORE_TEXTS),
        sa.Column("updated_at", sa.DateTime(), nullable=False),
        sa.PrimaryKeyConstraint("feedstock_id", name="feedstock_metadata_pkey"),
        sa.ForeignKeyConstraint(
            ["feedstock_id"], ["feedstock.id"], name="feedstock_metadata_feedstock_id_fkey", ondelete="CASCADE"
        ),
    )


def downgrade() -> None:
    op.drop_table("feedstock_metadata")
