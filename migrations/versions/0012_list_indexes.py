"""indexes for every filter and every order of the lists of runs

Text goes by code point, which on PostgreSQL is the collation "C". Text too long for an index entry goes by its first
255 characters; SQLite has no index on those, as alembic cannot compare one on an expression there.
"""

import sqlalchemy as sa
from alembic import op

revision = "0012_list_indexes"
down_revision = "0011_idempotency_keys"
branch_labels = None
depends_on = None

PLAIN = ("completed_at", "is_test", "created_at", "updated_at", "rerun_of")
TEXT = ("recipe_id", "head_sha", "version", "conclusion", "status", "dataset_type")
LONG_TEXT = ("dataset_public_url", "message")
BY_CODE_POINT = 'COLLATE "C"'


def upgrade() -> None:
    for name in PLAIN:
        op.create_index(f"ix_reciperun_{name}_id", "reciperun", [name, "id"])
    for name in TEXT:
        op.create_index(f"ix_reciperun_{name}_id", "reciperun", [name, "id"], postgresql_ops={name: BY_CODE_POINT})
    if op.get_bind().dialect.name == "postgresql":
        for name in LONG_TEXT:
            start = sa.text(f"substr({name}, 1, 255) {BY_CODE_POINT}")
            op.create_index(f"ix_reciperun_{name}_id", "reciperun", [start, "id"])
    op.drop_index("ix_reciperun_rerun_of", "reciperun")


def downgrade() -> None:
    op.create_index("ix_reciperun_rerun_of", "reciperun", ["rerun_of"])
    if op.get_bind().dialect.name == "postgresql":
        for name in reversed(LONG_TEXT):
            op.drop_index(f"ix_reciperun_{name}_id", "reciperun")
    for name in reversed(PLAIN + TEXT):
        op.drop_index(f"ix_reciperun_{name}_id", "reciperun")
