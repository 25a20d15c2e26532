"""How connections are prepared, checked and used for transactions."""

import sqlite3
from time import monotonic
from typing import Any

import psycopg2
import psycopg2.errorcodes
from flask import has_request_context, request
from sqlalchemy import Connection, Engine, ExceptionContext, Pool, event
from sqlalchemy.exc import IntegrityError, InvalidatePoolError
from sqlalchemy.pool import ConnectionPoolEntry

from app.database import resolve
from app.database.write_lock import begin_to_write

event.listen(Engine, "do_connect", resolve.connect)

PING_AFTER = 1  # seconds of rest
READ_ONLY = psycopg2.errorcodes.READ_ONLY_SQL_TRANSACTION


@event.listens_for(Engine, "connect")
def _prepare_sqlite(connection: Any, _record: object) -> None:
    """Make SQLite check foreign keys, let readers and a writer work side by side, and leave BEGIN to us."""
    if isinstance(connection, sqlite3.Connection):
        connection.isolation_level = None
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("PRAGMA journal_mode = WAL")


@event.listens_for(Engine, "handle_error")
def _handle_error(context: ExceptionContext) -> None:
    without_details(context.sqlalchemy_exception)
    if is_read_only(context.original_exception):
        context.is_disconnect = True


def is_read_only(error: Any) -> bool:
    """Whether PostgreSQL refused a write because the session is read-only, as sessions of a standby are.

    Such a session may stay read-only when its server has become the primary. So SQLAlchemy treats it as lost, and
    replaces all connections of the pool at their next use.
    """
    return bool(getattr(getattr(error, "orig", error), "pgcode", None) == READ_ONLY)


def without_details(error: Any) -> Any:
    """Keep values out of errors, which are logged: PostgreSQL quotes the row it refuses, and in it digests of keys."""
    if isinstance(error, IntegrityError):
        for exception in filter(None, (error, error.orig)):
            exception.args = (str(exception.args[0]).partition("\n")[0],)
    return error


@event.listens_for(Pool, "checkin")
def _note_rest(_connection: Any, record: ConnectionPoolEntry) -> None:
    record.info["rests_since"] = monotonic()


@event.listens_for(Pool, "checkout")
def _ping(connection: Any, record: ConnectionPoolEntry, _proxy: object) -> None:
    """Replace connections that have died while they rested, as `pool_pre_ping` does; those that live are in autocommit.

    That asks before every use, which is half of the round trips of a request that reads. One that was at work a moment
    ago is taken at its word; should it have died since, its request is a 503, and the pool lets go of all the others.
    """
    if isinstance(connection, sqlite3.Connection):
        return
    if not connection.autocommit:
        connection.autocommit = True  # until a transaction begins
    if monotonic() - record.info.get("rests_since", float("inf")) < PING_AFTER:
        return
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except psycopg2.Error as error:
        raise InvalidatePoolError from error


@event.listens_for(Engine, "begin")
def _begin(connection: Connection) -> None:
    """Begin a transaction that reads or one that may write.

    The option `autocommit` makes each statement a transaction of its own. The option `read_only`, which is set for a
    request by its method, is for transactions that only read.

    SQLite gets its BEGIN from here, because its driver would run DDL outside of transactions. A transaction that may
    write takes the write lock at once and waits for it; one that reads first and then writes would fail instead.
    PostgreSQL gets its BEGIN from the driver, but not in a request that reads: that saves two round trips.
    """
    options = connection.get_execution_options()
    autocommit = options.get("autocommit", False)
    reads = has_request_context() and request.method in ("GET", "HEAD", "OPTIONS")
    reading = options.get("read_only", reads)
    if connection.dialect.name == "postgresql":
        driver: Any = connection.connection.driver_connection
        autocommit = autocommit or (reading and has_request_context())
        if driver.autocommit != autocommit:
            driver.autocommit = autocommit
    elif reading and not autocommit:
        connection.exec_driver_sql("BEGIN")
    elif not autocommit:
        begin_to_write(connection)
