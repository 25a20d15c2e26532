"""the name of the variable that the picture of a dataset shows"""

import sqlalchemy as sa
from alembic import op

revision = "0035_pictured_variable"
down_revision = "0034_search_version"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("dataset_thumbnail", sa.Column("variable", sa.String()))


def downgrade() -> None:
    op.drop_column("dataset_thumbnail", "variable")
