"""The write lock of SQLite, of which a database has one."""

import sqlite3
from time import monotonic, sleep
from typing import Any

from sqlalchemy import Connection
from sqlalchemy.exc import OperationalError

PAUSE = 0.005  # seconds between two attempts


def begin_to_write(connection: Connection) -> None:
    """Begin a transaction that holds the write lock; wait for that as long as the connection's `timeout` says.

    SQLite would wait in C, where no other request of the worker could run: not even the one that holds the lock.
    """
    driver: Any = connection.connection.dbapi_connection
    ((patience,),) = driver.execute("PRAGMA busy_timeout").fetchall()  # milliseconds
    end = monotonic() + patience / 1000
    driver.execute("PRAGMA busy_timeout = 0")
    try:
        while not _has_begun(connection, is_last=monotonic() >= end):
            sleep(PAUSE)
    finally:
        driver.execute(f"PRAGMA busy_timeout = {patience}")


def _has_begun(connection: Connection, is_last: bool) -> bool:
    """Whether the lock was free. Raises OperationalError if it was not at the last attempt."""
    try:
        connection.exec_driver_sql("BEGIN IMMEDIATE")
    except OperationalError as error:
        if is_last or getattr(error.orig, "sqlite_errorcode", None) != sqlite3.SQLITE_BUSY:
            raise
        return False
    return True
