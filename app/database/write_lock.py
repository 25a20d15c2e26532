"""The write lock of an SQLite database, which one connection can hold at a time."""

import sqlite3
from time import monotonic, sleep
from typing import Any

from sqlalchemy import Connection
from sqlalchemy.exc import OperationalError

PAUSE = 0.005  # seconds between two attempts


def begin_immediate(connection: Connection) -> None:
    """Begin a transaction with the write lock. Raises OperationalError after the option `lock_timeout` in milliseconds,
    by default the `timeout` of the connection.

    SQLite would wait in C and block all requests of the worker, even the one that holds the lock.
    """
    driver: Any = connection.connection.dbapi_connection
    ((timeout,),) = driver.execute("PRAGMA busy_timeout").fetchall()  # milliseconds
    end = monotonic() + connection.get_execution_options().get("lock_timeout", timeout) / 1000
    driver.execute("PRAGMA busy_timeout = 0")
    try:
        while not _try_to_begin(connection, is_last=monotonic() >= end):
            sleep(PAUSE)
    finally:
        driver.execute(f"PRAGMA busy_timeout = {timeout}")


def _try_to_begin(connection: Connection, is_last: bool) -> bool:
    """Whether the lock was free. Raises OperationalError if it was not and the attempt is the last."""
    try:
        connection.exec_driver_sql("BEGIN IMMEDIATE")
    except OperationalError as error:
        if is_last or getattr(error.orig, "sqlite_errorcode", None) != sqlite3.SQLITE_BUSY:
            raise
        return False
    return True
