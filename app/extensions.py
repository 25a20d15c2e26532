"""Flask extensions, unbound; `create_app` binds them."""

import sqlite3
from pathlib import Path
from typing import Any

from flask import has_request_context, request
from flask_cors import CORS
from flask_migrate import Migrate
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import Connection, Engine, ExceptionContext, MetaData, event
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import DeclarativeBase

# The names PostgreSQL gives by itself, so that an adopted database and a fresh one have the same constraints.
NAMING_CONVENTION = {
    "pk": "%(table_name)s_pkey",
    "fk": "%(table_name)s_%(column_0_N_name)s_fkey",
    "uq": "%(table_name)s_%(column_0_N_name)s_key",
    "ck": "%(table_name)s_%(constraint_name)s_check",
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
}
MIGRATIONS = str(Path(__file__).parent.parent / "migrations")


class Base(DeclarativeBase):
    metadata = MetaData(naming_convention=NAMING_CONVENTION)


db = SQLAlchemy(model_class=Base, session_options={"expire_on_commit": False})
migrate = Migrate(directory=MIGRATIONS, compare_type=True, compare_server_default=True, render_as_batch=True)
cors = CORS()


@event.listens_for(Engine, "connect")
def _prepare_sqlite(connection: Any, _record: object) -> None:
    """Make SQLite check foreign keys, let readers and a writer work side by side, and leave BEGIN to us."""
    if isinstance(connection, sqlite3.Connection):
        connection.isolation_level = None
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("PRAGMA journal_mode = WAL")


@event.listens_for(Engine, "handle_error")
def _drop_details(context: ExceptionContext) -> None:
    """Keep values out of errors, which are logged: PostgreSQL quotes the row it refuses, and in it digests of keys."""
    error = context.sqlalchemy_exception
    if isinstance(error, IntegrityError):
        for exception in (error, context.original_exception):
            exception.args = (str(exception.args[0]).partition("\n")[0],)


@event.listens_for(Engine, "begin")
def _begin(connection: Connection) -> None:
    """Begin as the request needs it; outside of a request, those only read who say so with the option `read_only`.

    On SQLite by hand, as the driver would run DDL outside of transactions. Whoever may write takes the write lock at
    once and waits its turn; a reader that turns writer would fail instead. On PostgreSQL the driver begins by itself,
    but not for a request that reads: each of its statements stands for itself, and saves two round trips.
    """
    reading = connection.get_execution_options().get("read_only", False)
    if has_request_context():
        reading = request.method in ("GET", "HEAD", "OPTIONS")
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql("BEGIN" if reading else "BEGIN IMMEDIATE")
    else:
        driver: Any = connection.connection.driver_connection
        driver.autocommit = reading and has_request_context()
