"""Indexes of lists: each is sorted by a column, and rows with equal values by id."""

from typing import Any

from sqlalchemy import Index, column, func
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import ReturnTypeFromArgs

from app.database.columns import KEY_LENGTH


def by_code_point(name: str) -> dict[str, str]:
    """The option `postgresql_ops` of an index that is sorted by code point, as SQLite sorts all indexes.

    An operator class is the only part of an index that SQLAlchemy omits on SQLite. So PostgreSQL gets its collation
    there.
    """
    return {name: 'COLLATE "C"'}


def list_index(name: str) -> Index:
    return Index(None, name, "id")


def text_index(name: str) -> Index:
    """Sorted by code point on both databases."""
    return Index(None, name, "id", postgresql_ops=by_code_point(name))


def long_text_index(table: str, name: str) -> Index:
    """Sorted by a prefix. On PostgreSQL only: Alembic could not compare it on SQLite, whose catalogues are small."""
    start = func.substr(column(name), 1, KEY_LENGTH).label(name)
    index = Index(f"ix_{table}_{name}_id", start, column("id"), postgresql_ops=by_code_point(name))
    return index.ddl_if(dialect="postgresql")


class unindexed(ReturnTypeFromArgs[Any]):  # noqa: N801  # reads as the SQL function it is
    """The same value, for which SQLite uses no index: it keeps no statistics, and often uses the wrong index of two.

    PostgreSQL gets the column itself. It has no statistics of expressions, and would expect that few rows match.
    """

    inherit_cache = True


@compiles(unindexed, "postgresql")
def _unindexed_postgresql(element: unindexed, compiler: Any, **options: Any) -> str:
    return str(compiler.process(element.clauses, **options))


@compiles(unindexed, "sqlite")
def _unindexed_sqlite(element: unindexed, compiler: Any, **options: Any) -> str:
    column = compiler.process(element.clauses, **options)
    return f"coalesce({column}, {column})"
