"""Indexes for lists: each can be walked by a column and, where rows are equal in it, by id."""

from sqlalchemy import Index, column, func

from app.database.columns import KEY_LENGTH

# In the place of an operator class, the one part of an index that SQLite does not get to see: its order is by code
# point anyway.
_BY_CODE_POINT = 'COLLATE "C"'


def list_index(name: str) -> Index:
    return Index(None, name, "id")


def text_index(name: str) -> Index:
    """By code point, on both databases."""
    return Index(None, name, "id", postgresql_ops={name: _BY_CODE_POINT})


def long_text_index(table: str, name: str) -> Index:
    """By the first characters; on PostgreSQL only, as alembic cannot compare an index on an expression on SQLite."""
    start = func.substr(column(name), 1, KEY_LENGTH).label(name)
    index = Index(f"ix_{table}_{name}_id", start, column("id"), postgresql_ops={name: _BY_CODE_POINT})
    return index.ddl_if(dialect="postgresql")
