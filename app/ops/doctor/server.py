"""Checks of the database as a server: it answers, has the migrations, agrees on the time, and can be written."""

import os
import shutil
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from flask import current_app
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError
from werkzeug.exceptions import ServiceUnavailable

from app.database import revision
from app.extensions import db
from app.ops.doctor.diagnosis import DiagnosisError, cause, is_postgresql, rows
from config import REQUEST_TIMEOUT

SKEW = 5  # seconds by which clocks may differ
SPARE_CONNECTIONS = 3  # for `flask` commands and an operator's psql
FREE_SPACE = 100 * 1024 * 1024  # bytes

# The lowest limit of the server, the role and the database; -1 means no limit.
ALLOWED_CONNECTIONS = text("""
    SELECT least(
        current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int,
        nullif(rolconnlimit, -1), nullif(datconnlimit, -1)
    ) FROM pg_roles, pg_database WHERE rolname = current_user AND datname = current_database()
""")
# Other time limits, which operators can set for a role or a database. Those of statements and locks are in config.py.
FOREIGN_TIMEOUTS = """
    SELECT name, setting FROM pg_settings WHERE name IN ('idle_in_transaction_session_timeout', 'transaction_timeout')
    AND CASE WHEN unit = 'ms' THEN setting::int END BETWEEN 1 AND :least
"""


def database() -> str:
    """Check that the database answers."""
    url = db.engine.url
    if not is_postgresql() and not Path(str(url.database)).exists():
        raise DiagnosisError(f"There is no file {url.database}. Check DATABASE_URL, or run `flask db upgrade`.")
    try:
        db.session.connection(execution_options={"read_only": True}).execute(text("SELECT 1"))
    except SQLAlchemyError as error:
        db.session.rollback()
        raise DiagnosisError(
            f"The database does not answer: {cause(error)}. Check DATABASE_URL and the server."
        ) from None
    place = f"{url.database} on {url.host}" if url.host else url.database
    return f"The database answers: {url.get_backend_name()}, {place}."


def migrations() -> str:
    try:
        return f"The database is at {revision.exact_revision(db.session.connection())}, as this release needs it."
    except ServiceUnavailable as error:
        raise DiagnosisError(str(error.description)) from None


def clock() -> str:
    """Check that this machine and the database server agree on the time. SQLite uses the clock of this machine."""
    if not is_postgresql():
        return f"The clock says {datetime.now(UTC):%Y-%m-%d %H:%M:%S} UTC."
    theirs: Any = db.session.scalar(text("SELECT clock_timestamp()"))
    skew = (datetime.now(UTC) - theirs).total_seconds()
    if abs(skew) > SKEW:
        side = "ahead of" if skew > 0 else "behind"
        raise DiagnosisError(f"The clock here is {abs(skew):.0f} seconds {side} the database's. Set both with NTP.")
    return "The clock agrees with the database's."


def connections() -> str:
    """Check that PostgreSQL, if no pooler is in front of it, allows as many connections as the workers may open."""
    if not is_postgresql():
        return "SQLite needs no server."
    workers, each = current_app.config["WORKERS"], current_app.config["SQLALCHEMY_ENGINE_OPTIONS"]["pool_size"]
    if _is_pooled():
        migrations = "connect past it" if current_app.config["MIGRATION_DATABASE_URI"] else "go through it, too"
        return (
            f"A connection pooler is in front of PostgreSQL. {workers} workers open up to {workers * each} connections "
            f"to it (PgBouncer: max_client_conn). Its pool limits how many statements run at once (default_pool_size). "
            f"Nothing here needs a session, so transaction mode works. Migrations {migrations}."
        )
    allowed = int(db.session.scalar(ALLOWED_CONNECTIONS) or 0)
    if workers * each + SPARE_CONNECTIONS > allowed:
        raise DiagnosisError(
            f"{workers} workers with {each} connections each, and {SPARE_CONNECTIONS} for commands, are more than "
            f"the {allowed} that PostgreSQL allows. Lower WEB_CONCURRENCY or WEB_CONNECTIONS."
        )
    return f"{workers} workers with {each} connections each fit into the {allowed} that PostgreSQL allows."


def timeouts() -> str:
    """Check that the time limits of the service are in force, and that no other one ends its transactions earlier."""
    if not is_postgresql():
        return f"SQLite ends statements {REQUEST_TIMEOUT} seconds after the start of their request."
    options = db.session.connection().get_execution_options()
    for name in ("statement_timeout", "lock_timeout"):
        [(setting,)] = rows("SELECT setting::int FROM pg_settings WHERE name = :name", name=name)
        if setting != options[name]:
            raise DiagnosisError(
                f"{name} is {setting} ms instead of {options[name]} ms. A program between here and PostgreSQL changes "
                f"the statements; connect without it."
            )
    for name, setting in rows(FOREIGN_TIMEOUTS, least=1000 * REQUEST_TIMEOUT):
        raise DiagnosisError(
            f"{name} is {setting} ms, which is less than the {REQUEST_TIMEOUT} seconds that a request may take. "
            f"Run `ALTER ROLE … RESET {name}`, or remove it from the database or the configuration of the server."
        )
    return f"Statements may take {options['statement_timeout']} ms, and wait {options['lock_timeout']} ms for a lock."


def storage() -> str:
    """Check that the database can be written, and that the disk of an SQLite file has free space."""
    if is_postgresql():
        return _writable_server()
    file = Path(str(db.engine.url.database))
    if not os.access(file, os.W_OK) or not os.access(file.parent, os.W_OK):
        raise DiagnosisError(f"{file} or its folder cannot be written. Make the user of the service its owner.")
    if (free := shutil.disk_usage(file.parent).free) < FREE_SPACE:
        raise DiagnosisError(f"The disk of {file} has {free // 1024**2} MiB left. Free some space.")
    return f"{file} can be written."


def _writable_server() -> str:
    [(standby, read_only, by_default, source)] = rows(
        "SELECT pg_is_in_recovery(), current_setting('transaction_read_only') = 'on', setting = 'on', source "
        "FROM pg_settings WHERE name = 'default_transaction_read_only'"
    )
    if standby:
        raise DiagnosisError(
            "The server is a standby, which is read-only. Connect to the primary, or promote this one."
        )
    if by_default:
        raise DiagnosisError(
            f"The database is read-only, because default_transaction_read_only is on (set by: {source}). End the "
            f"maintenance: `ALTER DATABASE …` or `ALTER ROLE … RESET default_transaction_read_only`."
        )
    if read_only:
        raise DiagnosisError("The database is read-only. Connect to the primary, or end its maintenance.")
    return "The database can be written."


def _is_pooled() -> bool:
    """Whether another program answers for PostgreSQL: it names another process than the one that runs statements."""
    driver: Any = db.session.connection().connection.driver_connection
    return bool(driver.info.backend_pid != db.session.scalar(text("SELECT pg_backend_pid()")))
