"""indexes for lists that are in another order than what they select

A list of the newest runs in the order of ids read all older ones first, and so did one of the audit log. The indexes by
blocks of 8,192 ids tell where the rows of a time begin and end. A list of the runs of one feedstock in the order of
recipes read those of all feedstocks.

The index of the runs of a bakery that have ended tells when the last one did.
"""

import sqlalchemy as sa
from alembic import op

revision = "0032_lists_in_order"
down_revision = "0031_failure_sums"
branch_labels = None
depends_on = None

TIMES = (("reciperun", "started_at"), ("reciperun", "completed_at"), ("audit", "at"))
ENDED = "ix_reciperun_ended_of_bakery"
RECIPES = "ix_reciperun_feedstock_id_recipe_id_id"
# Sorted by code point on both databases.
COLLATED = {"recipe_id": 'COLLATE "C"'}


def upgrade() -> None:
    for table, time in TIMES:
        op.create_index(f"ix_{table}_{time}_block", table, [sa.text("(id >> 13)"), time])
    completed = sa.text("status = 'completed'")
    columns = ["bakery_id", "completed_at"]
    op.create_index(ENDED, "reciperun", columns, postgresql_where=completed, sqlite_where=completed)
    op.create_index(RECIPES, "reciperun", ["feedstock_id", "recipe_id", "id"], postgresql_ops=COLLATED)


def downgrade() -> None:
    for name in (RECIPES, ENDED):
        op.drop_index(name, "reciperun")
    for table, time in TIMES:
        op.drop_index(f"ix_{table}_{time}_block", table)
