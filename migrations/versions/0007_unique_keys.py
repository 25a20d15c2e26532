"""no two bakeries of one name, no two feedstocks of one repository

The original had no such rule. Where its data break it, the upgrade stops before it changes anything: which of two
records is the right one is for people to say.
"""

from alembic import op
from alembic.util import CommandError

revision = "0007_unique_keys"
down_revision = "0006_adopt"
branch_labels = None
depends_on = None

KEYS = {"bakery": ["name"], "feedstock": ["provider", "spec"]}


def upgrade() -> None:
    if found := [line for table, columns in KEYS.items() for line in duplicates(table, columns)]:
        raise CommandError(
            "These records share what has to be unique; rename or delete all but one of each, or merge feedstocks with "
            "`flask feedstocks merge A B`, then upgrade again: " + "; ".join(found) + ". Nothing was changed."
        )
    for table, columns in KEYS.items():
        with op.batch_alter_table(table) as batch:
            batch.create_unique_constraint(f"{table}_{'_'.join(columns)}_key", columns)


def duplicates(table: str, columns: list[str]) -> list[str]:
    """A line for each key that more than one row has, with the ids of those rows."""
    names = ", ".join(columns)
    rows = op.get_bind().exec_driver_sql(f"SELECT {names}, id FROM {table} ORDER BY {names}, id")
    ids: dict[str, list[str]] = {}
    for *key, row_id in rows:
        ids.setdefault(" ".join(key), []).append(str(row_id))
    return [f"{table} {' and '.join(shared)} ({key})" for key, shared in ids.items() if len(shared) > 1]


def downgrade() -> None:
    for table, columns in KEYS.items():
        with op.batch_alter_table(table) as batch:
            batch.drop_constraint(f"{table}_{'_'.join(columns)}_key", type_="unique")
