"""Runs the migrations in one transaction, which waits for other migrations: several releases may start at once."""

import logging
import warnings
from logging.config import fileConfig
from typing import Any

from alembic import context
from alembic.util import CommandError
from flask import current_app
from sqlalchemy import Connection, Engine, create_engine, inspect
from sqlalchemy.exc import DBAPIError

from app.database import revision
from config import engine_options

LOCK_KEY = 8_215_731_407  # any number, but the same in every release
LOCK_TIMEOUT = "2s"  # of a migration for a table; requests that queue behind it wait longer than that
SCHEMA_FIRST = """
SELECT set_config('search_path', format('%I, ', nspname) || current_setting('search_path'), true)
FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace WHERE pg_class.oid = to_regclass('alembic_version')
"""
SQLITE_TIMEOUT = 60_000  # milliseconds; on SQLite migrations and requests wait for the same lock

config = context.config
migrate = current_app.extensions["migrate"]
if not logging.getLogger().handlers:  # keep the logging of a program that has configured it, such as pytest
    fileConfig(str(config.config_file_name), disable_existing_loggers=False)

# Alembic compares indexes on expressions on PostgreSQL only.
for message in ("autogenerate skipping metadata-specified", "Skipped unsupported reflection of"):
    warnings.filterwarnings("ignore", f"{message} expression-based index")


def run_migrations_online() -> None:
    """Run all migrations or none. Raises CommandError, with one sentence, for any error of the database."""
    try:
        with engine().connect() as connection:
            prepare_sqlite(connection)
            context.configure(
                connection=connection,
                target_metadata=migrate.db.metadata,
                transactional_ddl=True,
                include_name=is_ours,
                **migrate.configure_args,
            )
            with context.begin_transaction():
                lock_out_other_migrations(connection)
                stay_in_schema(connection)
                last_ids = read_last_ids(connection)
                run_migrations(connection)
                restore_last_ids(connection, last_ids)
                check_foreign_keys(connection)
    except DBAPIError as error:
        reason = " ".join(str(error.orig).split())
        raise CommandError(f"The migration failed and nothing was changed: {reason}") from error


def run_migrations(connection: Connection) -> None:
    """Run the migrations. Raises CommandError, with a sentence, also if a newer release has migrated the database."""
    try:
        context.run_migrations()
    except CommandError:
        if newer := revision.newer(connection):
            raise CommandError(newer) from None
        raise


def is_ours(name: str | None, kind: str, _parents: Any) -> bool:
    """Whether the name is to be compared with the models: not the tables of the index that FTS5 makes on SQLite."""
    return kind != "table" or not str(name).startswith("dataset_search_index")


def engine() -> Engine:
    """The engine of the service, or one that bypasses its connection pooler if MIGRATION_DATABASE_URI is set."""
    if url := current_app.config["MIGRATION_DATABASE_URI"]:
        return create_engine(url, **engine_options(url, pool_size=1))
    service_engine: Engine = migrate.db.engine
    return service_engine


def prepare_sqlite(connection: Connection) -> None:
    """Let batch operations replace tables that others refer to, and set a long timeout for the write lock.

    Call it before a transaction, in which SQLite ignores `foreign_keys`. The pool does not reuse the connection.
    """
    if connection.dialect.name == "sqlite":
        driver: Any = connection.connection.driver_connection
        connection.detach()
        driver.execute("PRAGMA foreign_keys = OFF")
        driver.execute(f"PRAGMA busy_timeout = {SQLITE_TIMEOUT}")


def lock_out_other_migrations(connection: Connection) -> None:
    """Remove the time limits of requests, wait until no other migration runs, then limit the waits for locks."""
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql("SET LOCAL statement_timeout = 0")
        connection.exec_driver_sql("SET LOCAL lock_timeout = 0")
        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({LOCK_KEY})")
        connection.exec_driver_sql(f"SET LOCAL lock_timeout = '{LOCK_TIMEOUT}'")


def stay_in_schema(connection: Connection) -> None:
    """Create tables and functions in the schema of the existing ones, even if another one is first in search_path."""
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql(SCHEMA_FIRST, execution_options={"no_parameters": True})


def read_last_ids(connection: Connection) -> dict[str, int]:
    """The last generated id of each table on SQLite. PostgreSQL's sequences survive migrations anyway."""
    if connection.dialect.name != "sqlite" or not inspect(connection).has_table("sqlite_sequence"):
        return {}
    return dict(connection.exec_driver_sql("SELECT name, seq FROM sqlite_sequence").all())


def restore_last_ids(connection: Connection, last_ids: dict[str, int]) -> None:
    """Restore the ids: tables that batch operations have replaced would continue after their highest row."""
    for name, last in last_ids.items():
        definition = connection.exec_driver_sql("SELECT sql FROM sqlite_master WHERE name = ?", (name,)).scalar()
        if definition and "AUTOINCREMENT" in definition:
            max_id = connection.exec_driver_sql("SELECT max(seq) FROM sqlite_sequence WHERE name = ?", (name,)).scalar()
            connection.exec_driver_sql("DELETE FROM sqlite_sequence WHERE name = ?", (name,))
            connection.exec_driver_sql("INSERT INTO sqlite_sequence VALUES (?, ?)", (name, max(last, max_id or 0)))


def check_foreign_keys(connection: Connection) -> None:
    if connection.dialect.name == "sqlite" and (broken := connection.exec_driver_sql("PRAGMA foreign_key_check").all()):
        raise CommandError(f"{len(broken)} rows refer to rows that do not exist, the first in table {broken[0][0]}.")


if context.is_offline_mode():
    raise CommandError("Migrations read the data, so they cannot be printed as SQL (--sql).")
run_migrations_online()
