"""One repository is one feedstock, whatever the case of its name, and a former name leads to it.

The names of bakeries and feedstocks are brought into their normal form, as the service now does with new ones. If that
would give two records one name, the upgrade stops before it changes anything: people decide which of them stays.

Downgrades do not restore the names as they were. They lose the former names.

A later batch operation on `feedstock` or `feedstock_alias` on SQLite would recreate their indexes without NOCASE, and
must create them again.
"""

import re
import unicodedata
from collections.abc import Iterator

import sqlalchemy as sa
from alembic import op
from alembic.util import CommandError

revision = "0019_feedstock_identity"
down_revision = "0018_portable_functions"
branch_labels = None
depends_on = None

# A copy of that in app/models/feedstocks.py at the time of this migration.
REPOSITORY = (
    r"^(?:(?:(?:https?|git|ssh)://(?:git@)?)?(?:www\.)?[Gg]it[Hh]ub\.com/|git@[Gg]it[Hh]ub\.com:)?"
    r"([A-Za-z0-9][A-Za-z0-9_-]{0,38})/"
    r"(?!\.{0,2}(?:\.[Gg][Ii][Tt])*/?$)([A-Za-z0-9._-]{1,100}?)(?:\.[Gg][Ii][Tt])*/?$"
)
Records = list[tuple[int, bytes, str, str]]  # id, key, name, normal name

INDEX = "CREATE UNIQUE INDEX ix_{table}_repository ON {table} (provider, {spec})"
FOLDED = {"postgresql": 'lower(spec::text COLLATE "C")', "sqlite": "spec COLLATE NOCASE"}


def upgrade() -> None:
    feedstocks = [
        (number, f"{provider} {name(provider, spec)}".encode().lower(), spec, name(provider, spec))
        for number, provider, spec in op.get_bind().exec_driver_sql(
            "SELECT id, provider, spec FROM feedstock ORDER BY id"
        )
    ]
    bakeries = [
        (number, normal(text).encode(), text, normal(text))
        for number, text in op.get_bind().exec_driver_sql("SELECT id, name FROM bakery ORDER BY id")
    ]
    refuse_collisions([*collisions("bakery", bakeries), *collisions("feedstock", feedstocks)])
    rename("bakery", "name", bakeries)
    rename("feedstock", "spec", feedstocks)
    op.create_table(
        "feedstock_alias",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("feedstock_id", sa.Integer(), nullable=False),
        sa.Column("spec", sa.String(), nullable=False),
        sa.Column("provider", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="feedstock_alias_pkey"),
        sa.ForeignKeyConstraint(
            ["feedstock_id"], ["feedstock.id"], name="feedstock_alias_feedstock_id_fkey", ondelete="CASCADE"
        ),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_feedstock_alias_feedstock_id", "feedstock_alias", ["feedstock_id"])
    for table in ("feedstock", "feedstock_alias"):
        op.execute(INDEX.format(table=table, spec=FOLDED[op.get_bind().dialect.name]))


def normal(text: str) -> str:
    return unicodedata.normalize("NFC", text).strip()


def name(provider: str, spec: str) -> str:
    found = re.fullmatch(REPOSITORY, normal(spec)) if provider == "github" else None
    return f"{found[1]}/{found[2]}" if found else normal(spec)


def collisions(table: str, records: Records) -> Iterator[str]:
    """A line for each key that several records have. bytes.lower() folds ASCII only, as the database does."""
    same: dict[bytes, list[str]] = {}
    for number, key, text, _ in records:
        same.setdefault(key, []).append(f"{number} ({text})")
    for found in same.values():
        if len(found) > 1:
            yield f"{table} {' and '.join(found)}"


def refuse_collisions(found: list[str]) -> None:
    if found:
        raise CommandError(
            f"These records would have the same name: {'; '.join(found)}. Merge feedstocks with "
            "`flask feedstocks merge A B`, where A and B are ids: it moves the runs of B to A and deletes B. Rename "
            "bakeries. Then upgrade again. Nothing was changed."
        )


def rename(table: str, column: str, records: Records) -> None:
    statement = sa.text(f"UPDATE {table} SET {column} = :text WHERE id = :id")
    for number, _, text, normal_text in records:
        if text != normal_text:
            op.get_bind().execute(statement, {"text": normal_text, "id": number})


def downgrade() -> None:
    op.drop_table("feedstock_alias")
    op.drop_index("ix_feedstock_repository", "feedstock")
