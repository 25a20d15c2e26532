"""Prepares and checks database connections, and begins transactions."""

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
from app.database.fairness import let_others_run
from app.database.write_lock import begin_immediate

event.listen(Engine, "do_connect", resolve.connect)

PING_AFTER = 1  # seconds unused in the pool
LIMIT_EXCEEDED = "54"  # the class of the SQLSTATE: program limit exceeded


@event.listens_for(Engine, "connect")
def _prepare_sqlite(connection: Any, _record: object) -> None:
    """Check foreign keys, allow reads during a write, and leave BEGIN to `_begin` instead of the driver."""
    if isinstance(connection, sqlite3.Connection):
        connection.isolation_level = None
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("PRAGMA journal_mode = WAL")
        let_others_run()  # reading the schema has taken some milliseconds, and several requests may open connections


@event.listens_for(Engine, "handle_error")
def _handle_error(context: ExceptionContext) -> None:
    _drop_row(context.sqlalchemy_exception)
    if is_read_only(context.original_exception):
        context.is_disconnect = True


def is_read_only(error: Any) -> bool:
    """Whether the database refused a write because it is read-only, as a standby and a file without rights are.

    The connection may stay read-only after the server has become the primary. So SQLAlchemy is told that the connection
    is lost, and replaces every connection of the pool at its next use.
    """
    return bool(_code(error) in (psycopg2.errorcodes.READ_ONLY_SQL_TRANSACTION, sqlite3.SQLITE_READONLY))


def is_locked(error: Any) -> bool:
    """Whether another transaction held a lock until the end of the time limit for it."""
    return bool(_code(error) in (psycopg2.errorcodes.LOCK_NOT_AVAILABLE, sqlite3.SQLITE_BUSY))


def lacks_rights(error: Any) -> bool:
    """Whether PostgreSQL refused a statement because our role lacks a right."""
    return bool(_code(error) == psycopg2.errorcodes.INSUFFICIENT_PRIVILEGE)


def is_faulty_statement(error: Any) -> bool:
    """Whether the database refused the statement itself, although its driver raises OperationalError.

    SQLite does for example if a table is missing, where PostgreSQL raises ProgrammingError.
    """
    return _code(error) == sqlite3.SQLITE_ERROR or exceeds_limit(error)


def exceeds_limit(error: Any) -> bool:
    """Whether a statement or a value is over a limit of PostgreSQL, like that of a word in a text search document."""
    return str(_code(error)).startswith(LIMIT_EXCEEDED)


def is_full(error: Any) -> bool:
    """Whether the disk of the database is full."""
    return bool(_code(error) in (psycopg2.errorcodes.DISK_FULL, sqlite3.SQLITE_FULL))


def cause(error: Exception) -> str:
    """What the database or its driver said, in one line: the first, because others can quote rows."""
    return str(getattr(error, "orig", None) or error).partition("\n")[0]


def _code(error: Any) -> str | int | None:
    """The SQLSTATE of PostgreSQL, the primary result code of SQLite, or None: the server could not say it."""
    original = getattr(error, "orig", error)
    if extended := getattr(original, "sqlite_errorcode", None):
        return int(extended) & 0xFF
    return getattr(original, "pgcode", None)


def _drop_row(error: Any) -> None:
    """Remove the row that PostgreSQL quotes from an IntegrityError: errors are logged, and rows have keys' digests."""
    if isinstance(error, IntegrityError):
        for exception in filter(None, (error, error.orig)):
            exception.args = (str(exception.args[0]).partition("\n")[0],)


@event.listens_for(Pool, "checkin")
def _record_checkin(_connection: Any, record: ConnectionPoolEntry) -> None:
    record.info["checked_in_at"] = monotonic()


@event.listens_for(Pool, "checkout")
def _ping(connection: Any, record: ConnectionPoolEntry, _proxy: object) -> None:
    """Set autocommit, and replace a lost connection that was unused for PING_AFTER.

    `pool_pre_ping` checks each connection before every use, which is half of the round trips of a read. We do not check
    one that was used recently. If it is lost, its request is answered 503, and the pool replaces all its connections.
    """
    if isinstance(connection, sqlite3.Connection):
        return
    if not connection.autocommit:
        connection.autocommit = True  # until a transaction begins
    if monotonic() - record.info.get("checked_in_at", float("inf")) < PING_AFTER:
        return
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except psycopg2.Error as error:
        raise InvalidatePoolError from error


@event.listens_for(Engine, "begin")
def _begin(connection: Connection) -> None:
    """Begin a transaction.

    With the option `autocommit`, each statement is a separate transaction. The option `read_only` is for transactions
    that only read. By default, the method of the request decides. The option `lock_timeout` is in milliseconds.

    On SQLite we send BEGIN, because its driver would run DDL outside of transactions. A transaction that may write
    acquires the write lock first; after a read, SQLite could refuse the lock without a wait. On PostgreSQL the driver
    sends BEGIN, but not in a request that only reads: that saves two round trips.
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
        begin_immediate(connection)
