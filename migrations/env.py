"""Runs the migrations in one transaction that waits its turn, so that any number of releases may start at once."""

import logging
import warnings
from logging.config import fileConfig
from typing import Any

from alembic import context
from alembic.util import CommandError
from flask import current_app
from sqlalchemy import Connection, Engine, create_engine, inspect
from sqlalchemy.exc import DBAPIError

from config import engine_options

LOCK_KEY = 8_215_731_407  # any number, the same for all who migrate this database
LOCK_TIMEOUT = "2s"  # how long a migration may wait for a table, and so hold up those who read it: less than they wait
SQLITE_TIMEOUT = 60_000  # milliseconds; SQLite cannot tell those who migrate from those who write

config = context.config
migrate = current_app.extensions["migrate"]
if not logging.getLogger().handlers:  # a program that logs in its own way, such as a test run, goes on with it
    fileConfig(str(config.config_file_name), disable_existing_loggers=False)

# Those on expressions are for PostgreSQL alone (app/database/indexes.py), where they are compared.
warnings.filterwarnings("ignore", "autogenerate skipping metadata-specified expression-based index")


def run_migrations_online() -> None:
    """Migrate all or nothing; a database that is down, busy or refuses is an error in one sentence."""
    try:
        with engine().connect() as connection:
            prepare_sqlite(connection)
            context.configure(
                connection=connection,
                target_metadata=migrate.db.metadata,
                transactional_ddl=True,
                **migrate.configure_args,
            )
            with context.begin_transaction():
                wait_for_turn(connection)
                given = ids_given_out(connection)
                context.run_migrations()
                go_on_after(connection, given)
                check_foreign_keys(connection)
    except DBAPIError as error:
        reason = " ".join(str(error.orig).split())
        raise CommandError(f"The migration failed and nothing was changed: {reason}") from error


def engine() -> Engine:
    """The engine of the service, or one past the connection pooler that the service uses."""
    if url := current_app.config["MIGRATION_DATABASE_URI"]:
        return create_engine(url, **engine_options(url, pool_size=1))
    own: Engine = migrate.db.engine
    return own


def prepare_sqlite(connection: Connection) -> None:
    """Let batch operations replace tables that others refer to, and wait long for a turn.

    Only possible outside a transaction, and on a connection that the pool does not get back.
    """
    if connection.dialect.name == "sqlite":
        driver: Any = connection.connection.driver_connection
        connection.detach()
        driver.execute("PRAGMA foreign_keys = OFF")
        driver.execute(f"PRAGMA busy_timeout = {SQLITE_TIMEOUT}")


def wait_for_turn(connection: Connection) -> None:
    """Let one migrate at a time, then lift the request's time limit and set one for locks."""
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql("SET LOCAL statement_timeout = 0")
        connection.exec_driver_sql("SET LOCAL lock_timeout = 0")
        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({LOCK_KEY})")
        connection.exec_driver_sql(f"SET LOCAL lock_timeout = '{LOCK_TIMEOUT}'")


def ids_given_out(connection: Connection) -> dict[str, int]:
    """How far the tables have come with their ids on SQLite; PostgreSQL's sequences stay by themselves."""
    if connection.dialect.name != "sqlite" or not inspect(connection).has_table("sqlite_sequence"):
        return {}
    return dict(connection.exec_driver_sql("SELECT name, seq FROM sqlite_sequence").all())


def go_on_after(connection: Connection, given: dict[str, int]) -> None:
    """Tables that batch operations have replaced would start again after their highest row."""
    for name, last in given.items():
        definition = connection.exec_driver_sql("SELECT sql FROM sqlite_master WHERE name = ?", (name,)).scalar()
        if definition and "AUTOINCREMENT" in definition:
            now = connection.exec_driver_sql("SELECT max(seq) FROM sqlite_sequence WHERE name = ?", (name,)).scalar()
            connection.exec_driver_sql("DELETE FROM sqlite_sequence WHERE name = ?", (name,))
            connection.exec_driver_sql("INSERT INTO sqlite_sequence VALUES (?, ?)", (name, max(last, now or 0)))


def check_foreign_keys(connection: Connection) -> None:
    if connection.dialect.name == "sqlite" and (broken := connection.exec_driver_sql("PRAGMA foreign_key_check").all()):
        raise CommandError(f"{len(broken)} rows refer to rows that do not exist, the first in table {broken[0][0]}.")


if context.is_offline_mode():
    raise CommandError("Migrations look at the data, so they cannot be written out as SQL (--sql).")
run_migrations_online()
