"""the logs of recipe runs

Two new tables, which the release before does not read, and a template for the address of logs that a bakery keeps
elsewhere. A run has no rows until its runner sends lines.
"""

import sqlalchemy as sa
from alembic import op

revision = "0027_run_logs"
down_revision = "0026_reports"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "reciperun_log",
        sa.Column("recipe_run_id", sa.Integer(), autoincrement=False, nullable=False),
        *(sa.Column(name, sa.BigInteger(), nullable=False) for name in ("lines", "cut_lines", "size")),
        sa.PrimaryKeyConstraint("recipe_run_id", name="reciperun_log_pkey"),
        run_key("reciperun_log"),
    )
    op.create_table(
        "reciperun_log_line",
        sa.Column("recipe_run_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("number", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("at", sa.DateTime(), nullable=False),
        sa.Column("level", sa.String(), nullable=False),
        sa.Column("message", sa.String(), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("recipe_run_id", "number", name="reciperun_log_line_pkey"),
        run_key("reciperun_log_line"),
    )
    op.add_column("bakery", sa.Column("log_url", sa.String()))


def run_key(table: str) -> sa.Constraint:
    """Return the reference of the table to the run."""
    name = f"{table}_recipe_run_id_fkey"
    return sa.ForeignKeyConstraint(["recipe_run_id"], ["reciperun.id"], name=name, ondelete="CASCADE")


def downgrade() -> None:
    op.drop_column("bakery", "log_url")
    op.drop_table("reciperun_log_line")
    op.drop_table("reciperun_log")
