"""numbers for API keys, and who made them, until when they work, when they were used, what they are limited to

The number becomes the primary key, so that both databases give it out by themselves, also to rows that the original
inserts. To the original `encrypted_key` is the primary key; not null and unique, it goes on to be one in all but name.

The original knows neither limits nor expiry. Going back revokes the keys that would be good for more without them.
"""

import sqlalchemy as sa
from alembic import op

revision = "0014_key_management"
down_revision = "0013_run_counts"
branch_labels = None
depends_on = None

ADDED = ("created_by", "expires_at", "last_used_at", "bakery_ids", "replaced_by")
UTC_NOW = {"postgresql": "timezone('utc'::text, now())", "sqlite": "strftime('%Y-%m-%d %H:%M:%f000', 'now')"}


def upgrade() -> None:
    with op.batch_alter_table("apikey", table_kwargs={"sqlite_autoincrement": True}) as batch:
        batch.drop_constraint("apikey_pkey", type_="primary")
        batch.add_column(sa.Column("id", sa.Integer(), primary_key=True))  # SERIAL on PostgreSQL
        batch.add_column(sa.Column("created_by", sa.String()))
        batch.add_column(sa.Column("expires_at", sa.DateTime()))
        batch.add_column(sa.Column("last_used_at", sa.DateTime()))
        batch.add_column(sa.Column("bakery_ids", sa.String()))
        batch.add_column(sa.Column("replaced_by", sa.Integer()))
        batch.create_primary_key("apikey_pkey", ["id"])
        batch.create_unique_constraint("apikey_encrypted_key_key", ["encrypted_key"])
        batch.create_foreign_key("apikey_replaced_by_fkey", "apikey", ["replaced_by"], ["id"], ondelete="SET NULL")


def downgrade() -> None:
    now = UTC_NOW[op.get_bind().dialect.name]
    op.execute(f"UPDATE apikey SET is_active = false WHERE bakery_ids IS NOT NULL OR expires_at <= {now}")
    with op.batch_alter_table("apikey") as batch:
        batch.drop_constraint("apikey_replaced_by_fkey", type_="foreignkey")
        batch.drop_constraint("apikey_encrypted_key_key", type_="unique")
        for column in reversed(ADDED):
            batch.drop_column(column)
        batch.drop_column("id")  # and with it the primary key
        batch.create_primary_key("apikey_pkey", ["encrypted_key"])
