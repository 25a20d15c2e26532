"""The format of an export."""

from sqlalchemy import Table

from app.extensions import db

FORMAT = 1  # the version
BATCH = 500  # rows in memory

# Stored answers expire after a day and are encrypted with API keys. Triggers recreate the counts during an import.
# `flask datasets inspect` makes the pictures again, and a search the texts that it needs.
EXCLUDED = frozenset({"idempotency_key", "reciperun_count"})
EXCLUDED |= {"reciperun_count_period", "reciperun_count_duration", "reciperun_count_failure"}
EXCLUDED |= {"dataset_thumbnail", "dataset_search", "dataset_search_queue"}


class ArchiveError(Exception):
    """The export cannot be imported. The text names the line and the reason."""

    @classmethod
    def at(cls, line: int, reason: str) -> "ArchiveError":
        return cls(f"Line {line}: {reason}.")


def tables() -> list[Table]:
    """Return the exported tables. A table follows the tables that it refers to."""
    return [table for table in db.metadata.sorted_tables if table.name not in EXCLUDED]
