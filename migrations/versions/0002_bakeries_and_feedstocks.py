"""bakeries and feedstocks (the original's second revision)

Runs that are there already refer to parents that were in no table yet; those get a placeholder each.
"""

import sqlalchemy as sa
from alembic import op

revision = "6197f9c7aff6"
down_revision = "81c7d27bde71"
branch_labels = None
depends_on = None

PLACEHOLDERS = {
    "bakery": "INSERT INTO bakery (id, region, name, description) "
    "SELECT DISTINCT bakery_id, 'unknown', 'bakery-' || bakery_id, '' FROM reciperun",
    "feedstock": "INSERT INTO feedstock (id, spec, provider) "
    "SELECT DISTINCT feedstock_id, 'unknown/feedstock-' || feedstock_id, 'github' FROM reciperun",
}


def upgrade() -> None:
    op.create_table(
        "bakery",
        sa.Column("region", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("description", sa.String(), nullable=False),
        sa.Column("id", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="bakery_pkey"),
    )
    op.create_table(
        "feedstock",
        sa.Column("spec", sa.String(), nullable=False),
        sa.Column("provider", sa.String(), nullable=False),
        sa.Column("id", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="feedstock_pkey"),
    )
    for table, statement in PLACEHOLDERS.items():
        op.execute(statement)
        if op.get_bind().dialect.name == "postgresql":
            op.execute(f"SELECT setval('{table}_id_seq', max(id)) FROM {table} HAVING max(id) IS NOT NULL")
    with op.batch_alter_table("reciperun") as batch:
        batch.create_foreign_key("reciperun_bakery_id_fkey", "bakery", ["bakery_id"], ["id"])
        batch.create_foreign_key("reciperun_feedstock_id_fkey", "feedstock", ["feedstock_id"], ["id"])


def downgrade() -> None:
    with op.batch_alter_table("reciperun") as batch:
        batch.drop_constraint("reciperun_feedstock_id_fkey", type_="foreignkey")
        batch.drop_constraint("reciperun_bakery_id_fkey", type_="foreignkey")
    op.drop_table("feedstock")
    op.drop_table("bakery")
