"""why runs failed

`failure` is the explanation as the API shows it, `failure_class` its class. Both are null for runs that have not
failed, and for runs that failed before, until `flask runs explain` explains them. The columns are added last, because
that locks out the readers of runs until the migrations are committed; neither rewrites the table.
"""

import sqlalchemy as sa
from alembic import op

revision = "0028_failures"
down_revision = "0027_run_logs"
branch_labels = None
depends_on = None

BY_CODE_POINT = {"failure_class": 'COLLATE "C"'}
FAILED = "failure_class IS NOT NULL"
UNEXPLAINED = "conclusion IN ('failure', 'timed_out', 'stale') AND failure_class IS NULL"
# Each index with its columns and its condition: of the lists, of the statistics, and of `flask runs explain`.
INDEXES = {
    "ix_reciperun_failure_class_id": (["failure_class", "id"], FAILED),
    "ix_reciperun_failed": (["failure_class", "feedstock_id", "bakery_id", "is_test", "started_at"], FAILED),
    "ix_reciperun_unexplained": (["id"], UNEXPLAINED),
}


def upgrade() -> None:
    op.add_column("reciperun", sa.Column("failure_class", sa.String()))
    op.add_column("reciperun", sa.Column("failure", sa.JSON()))
    for name, (columns, condition) in INDEXES.items():
        where = sa.text(condition)
        order = {key: value for key, value in BY_CODE_POINT.items() if name.endswith("_id")}
        op.create_index(name, "reciperun", columns, postgresql_where=where, sqlite_where=where, postgresql_ops=order)


def downgrade() -> None:
    for name in INDEXES:
        op.drop_index(name, "reciperun")
    op.drop_column("reciperun", "failure")
    op.drop_column("reciperun", "failure_class")
