"""defaults in the database, and on SQLite ids that are not given out twice

A program that inserts without them, by hand or in SQL, gets what a client of the API gets. PostgreSQL's sequences
never reuse an id; SQLite needs AUTOINCREMENT for that.
"""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0008_server_defaults"
down_revision = "0007_unique_keys"
branch_labels = None
depends_on = None


def upgrade() -> None:
    change(provider="github", status="queued", is_test=sa.false(), autoincrement=True)


def downgrade() -> None:
    change(provider=None, status=None, is_test=None, autoincrement=False)


def change(
    provider: str | None, status: str | None, is_test: sa.ColumnElement[bool] | None, autoincrement: bool
) -> None:
    sqlite = op.get_bind().dialect.name == "sqlite"
    rebuild: dict[str, Any] = {
        "recreate": "always" if sqlite else "auto",
        "table_kwargs": {"sqlite_autoincrement": autoincrement},
    }
    with op.batch_alter_table("bakery", **rebuild):
        pass
    with op.batch_alter_table("feedstock", **rebuild) as batch:
        batch.alter_column("provider", existing_type=sa.String(), existing_nullable=False, server_default=provider)
    with op.batch_alter_table("reciperun", **rebuild) as batch:
        batch.alter_column("status", existing_type=sa.String(), existing_nullable=False, server_default=status)
        batch.alter_column("is_test", existing_type=sa.Boolean(), existing_nullable=False, server_default=is_test)
