"""Deletes the rows that tests have committed, and lets ids begin with 1 again.

So the same test always has the same ids, and an id such as 99 is unknown in all of them.
"""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager

import psycopg2
from sqlalchemy.engine import URL

from app.extensions import db
from tests.support.live import PATIENCE

# Triggers add rows to these tables when runs are deleted.
COUNTS = ("reciperun_count", "reciperun_count_period", "reciperun_count_duration", "reciperun_count_failure")
# The triggers that prevent changes of the audit log.
PROTECTION = ("audit_no_DELETE", "audit_no_UPDATE")
FUNCTION = "pg_temp.delete_rows()"


@contextmanager
def cleaner(url: URL) -> Iterator[Callable[[], None]]:
    """A function that deletes the rows of all tables of the application, and resets their ids.

    It has a separate connection, which the triggers of the audit log do not stop. To drop and to create these
    triggers after each test would take longer, because every other connection would have to read the schema again.
    """
    open_cleaner = _on_sqlite if url.get_backend_name() == "sqlite" else _on_postgresql
    with open_cleaner(url) as delete_rows:
        yield delete_rows


@contextmanager
def _on_sqlite(url: URL) -> Iterator[Callable[[], None]]:
    with closing(sqlite3.connect(str(url.database), timeout=PATIENCE, isolation_level=None)) as connection:
        connection.set_authorizer(_skip_protection)

        def delete_rows() -> None:
            for statement in ("BEGIN IMMEDIATE", *_deletions(), "DELETE FROM sqlite_sequence", "COMMIT"):
                connection.execute(statement)

        yield delete_rows


@contextmanager
def _on_postgresql(url: URL) -> Iterator[Callable[[], None]]:
    address = url.set(drivername="postgresql").render_as_string(hide_password=False)
    with closing(psycopg2.connect(address)) as connection:
        connection.autocommit = True
        cursor = connection.cursor()
        statements = _deletions()
        try:
            cursor.execute("SET session_replication_role = replica")  # no trigger runs in this session
        except psycopg2.errors.InsufficientPrivilege:  # not a superuser, as at Heroku
            switch = "ALTER TABLE audit {} TRIGGER USER"
            statements = [switch.format("DISABLE"), *statements, switch.format("ENABLE")]
        # A function keeps the plans of its statements.
        cursor.execute("SELECT format('PERFORM setval(%L, 1, false)', sequencename) FROM pg_sequences")
        body = "; ".join([*statements, *(reset for (reset,) in cursor.fetchall())])
        cursor.execute(f"CREATE FUNCTION {FUNCTION} RETURNS void LANGUAGE plpgsql AS $$ BEGIN {body}; END $$")
        yield lambda: cursor.execute(f"SELECT {FUNCTION}")


def _deletions() -> list[str]:
    tables = [table.name for table in reversed(db.metadata.sorted_tables)]
    return [f"DELETE FROM {name}" for name in (*tables, *COUNTS)]


def _skip_protection(_action: int, _first: object, _second: object, _database: object, trigger: str | None) -> int:
    return sqlite3.SQLITE_IGNORE if trigger in PROTECTION else sqlite3.SQLITE_OK
