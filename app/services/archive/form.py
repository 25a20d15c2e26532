"""What writing and loading an export have in common."""

from sqlalchemy import Table

from app.extensions import db

FORM = 1
BATCH = 500  # rows in memory

# Answers kept for a day, sealed with keys that no export has; counts that triggers make anew.
LEFT_OUT = frozenset({"idempotency_key", "reciperun_count"})


class ArchiveError(Exception):
    """An export that cannot be imported; the text says where and why."""

    @classmethod
    def at(cls, line: int, reason: str) -> "ArchiveError":
        return cls(f"Line {line}: {reason}.")


def tables() -> list[Table]:
    """What is exported, each table after those it refers to."""
    return [table for table in db.metadata.sorted_tables if table.name not in LEFT_OUT]
