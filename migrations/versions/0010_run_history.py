"""the history of runs, their times of creation and change, what they are a new attempt at, and limits of bakeries

Rows that are there already keep null: nobody knows when they were made. What the original inserts later gets the time.
"""

import sqlalchemy as sa
from alembic import op

revision = "0010_run_history"
down_revision = "0009_indexes"
branch_labels = None
depends_on = None

UTC_NOW = {"postgresql": "timezone('utc'::text, now())", "sqlite": "strftime('%Y-%m-%d %H:%M:%f000', 'now')"}


def upgrade() -> None:
    now = UTC_NOW[op.get_bind().dialect.name]
    op.create_table(
        "reciperun_event",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("recipe_run_id", sa.Integer(), nullable=False),
        sa.Column("at", sa.DateTime(), nullable=False),
        sa.Column("actor", sa.String(), nullable=False),
        sa.Column("before", sa.JSON()),
        sa.Column("after", sa.JSON(), nullable=False),
        sa.Column("reason", sa.String()),
        sa.PrimaryKeyConstraint("id", name="reciperun_event_pkey"),
        sa.ForeignKeyConstraint(
            ["recipe_run_id"], ["reciperun.id"], name="reciperun_event_recipe_run_id_fkey", ondelete="CASCADE"
        ),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_reciperun_event_recipe_run_id_id", "reciperun_event", ["recipe_run_id", "id"])
    with op.batch_alter_table("bakery", table_kwargs={"sqlite_autoincrement": True}) as batch:
        batch.add_column(sa.Column("timeout_minutes", sa.Integer()))
    with op.batch_alter_table("apikey") as batch:
        batch.add_column(sa.Column("label", sa.String()))
    with op.batch_alter_table("reciperun", table_kwargs={"sqlite_autoincrement": True}) as batch:
        batch.add_column(sa.Column("created_at", sa.DateTime()))
        batch.add_column(sa.Column("updated_at", sa.DateTime()))
        batch.add_column(sa.Column("rerun_of", sa.Integer()))
        batch.create_foreign_key("reciperun_rerun_of_fkey", "reciperun", ["rerun_of"], ["id"], ondelete="SET NULL")
        batch.create_index("ix_reciperun_rerun_of", ["rerun_of"])
    with op.batch_alter_table("reciperun", table_kwargs={"sqlite_autoincrement": True}) as batch:
        for column in ("created_at", "updated_at"):
            batch.alter_column(column, existing_type=sa.DateTime(), server_default=sa.text(now))


def downgrade() -> None:
    with op.batch_alter_table("reciperun", table_kwargs={"sqlite_autoincrement": True}) as batch:
        batch.drop_index("ix_reciperun_rerun_of")
        batch.drop_constraint("reciperun_rerun_of_fkey", type_="foreignkey")
        batch.drop_column("rerun_of")
        batch.drop_column("updated_at")
        batch.drop_column("created_at")
    with op.batch_alter_table("apikey") as batch:
        batch.drop_column("label")
    with op.batch_alter_table("bakery", table_kwargs={"sqlite_autoincrement": True}) as batch:
        batch.drop_column("timeout_minutes")
    op.drop_index("ix_reciperun_event_recipe_run_id_id", "reciperun_event")
    op.drop_table("reciperun_event")
