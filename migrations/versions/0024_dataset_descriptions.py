"""what is known about the data of datasets: descriptions, health, checks and small pictures"""

import sqlalchemy as sa
from alembic import op

revision = "0024_dataset_descriptions"
down_revision = "0023_feedstock_metadata"
branch_labels = None
depends_on = None

TABLES = ("dataset_description", "dataset_check", "dataset_health", "dataset_thumbnail")


def upgrade() -> None:
    op.create_table(
        "dataset_description",
        sa.Column("dataset_id", sa.Integer(), nullable=False, autoincrement=False),
        sa.Column("described_at", sa.DateTime(), nullable=False),
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("run_id", sa.Integer()),
        sa.Column("snapshot_id", sa.String()),
        *(sa.Column(name, sa.JSON(), nullable=False) for name in ("variables", "dimensions", "attributes")),
        *(sa.Column(name, sa.Float(53)) for name in ("west", "south", "east", "north")),
        sa.Column("time_start", sa.DateTime()),
        sa.Column("time_end", sa.DateTime()),
        sa.Column("time_step", sa.Float(53)),
        sa.Column("bytes_stored", sa.BigInteger()),
        sa.Column("bytes_in_memory", sa.BigInteger()),
        sa.Column("zarr_format", sa.Integer()),
        sa.Column("consolidated", sa.Boolean()),
        sa.Column("engine", sa.String(), nullable=False),
        *keys("dataset_description", "dataset_id"),
    )
    op.create_table(
        "dataset_check",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("dataset_id", sa.Integer(), nullable=False),
        sa.Column("at", sa.DateTime(), nullable=False),
        sa.Column("healthy", sa.Boolean()),
        sa.Column("seconds", sa.Float(53), nullable=False),
        sa.Column("time_end", sa.DateTime()),
        sa.Column("results", sa.JSON(), nullable=False),
        *keys("dataset_check", "id"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "dataset_health",
        sa.Column("dataset_id", sa.Integer(), nullable=False, autoincrement=False),
        sa.Column("checked_at", sa.DateTime()),
        sa.Column("healthy", sa.Boolean()),
        sa.Column("claimed_until", sa.DateTime()),
        *keys("dataset_health", "dataset_id"),
    )
    op.create_table(
        "dataset_thumbnail",
        sa.Column("dataset_id", sa.Integer(), nullable=False, autoincrement=False),
        sa.Column("png", sa.LargeBinary(), nullable=False),
        sa.Column("etag", sa.String(), nullable=False),
        *keys("dataset_thumbnail", "dataset_id"),
    )
    op.create_index("ix_dataset_check_dataset_id_id", "dataset_check", ["dataset_id", "id"])
    for name in ("checked_at", "healthy"):
        op.create_index(f"ix_dataset_health_{name}_dataset_id", "dataset_health", [name, "dataset_id"])


def keys(table: str, primary: str) -> list[sa.Constraint]:
    """Return the primary key of the table, and its reference to the dataset."""
    name = f"{table}_dataset_id_fkey"
    return [
        sa.PrimaryKeyConstraint(primary, name=f"{table}_pkey"),
        sa.ForeignKeyConstraint(["dataset_id"], ["dataset.id"], name=name, ondelete="CASCADE"),
    ]


def downgrade() -> None:
    for table in reversed(TABLES):
        op.drop_table(table)
