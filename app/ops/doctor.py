"""The checks of `flask doctor`, which look for faults of an installation.

A check returns a sentence that says what is right, or raises `DiagnosisError`, which says what to fix and how.
"""

import hmac
import os
import shutil
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from flask import current_app
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError
from werkzeug.exceptions import ServiceUnavailable

from app.database import revision
from app.extensions import db
from app.keys import key_digest

SKEW = 5  # seconds by which clocks may differ
SPARE_CONNECTIONS = 3  # for `flask` commands and an operator's psql
FREE_SPACE = 100 * 1024 * 1024  # bytes
SALT_LENGTH = 16  # characters

# The lowest limit of the server, the role and the database; -1 means no limit.
ALLOWED_CONNECTIONS = text("""
    SELECT least(
        current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int,
        nullif(rolconnlimit, -1), nullif(datconnlimit, -1)
    ) FROM pg_roles, pg_database WHERE rolname = current_user AND datname = current_database()
""")
READ_ONLY_TABLES = text("""
    SELECT tablename FROM pg_tables WHERE schemaname = current_schema() AND tablename <> 'alembic_version'
    AND NOT has_table_privilege(quote_ident(schemaname) || '.' || quote_ident(tablename), 'INSERT') ORDER BY tablename
""")


class DiagnosisError(Exception):
    """What is wrong and how to fix it, in a sentence or two."""


def configuration() -> str:
    """Find settings that are valid, or the service would not have started, but that are insecure or incomplete."""
    config = current_app.config
    salt = config["ENCRYPTION_SALT"]
    for name in ("ADMIN_API_KEY_SHA256", "METRICS_KEY_SHA256"):
        if hmac.compare_digest(config[name], key_digest(salt, "")):
            raise DiagnosisError(
                f"{name} is the digest of an empty key. Create another key: `python -m app.cli.credentials`."
            )
    if hmac.compare_digest(config["ADMIN_API_KEY_SHA256"], config["METRICS_KEY_SHA256"]):
        raise DiagnosisError("METRICS_KEY_SHA256 is the administrator's key. Give the scraper a separate key.")
    if config["DEPLOYMENT"] and len(salt) < SALT_LENGTH:
        raise DiagnosisError(
            f"ENCRYPTION_SALT is shorter than {SALT_LENGTH} characters. Choose a longer one; it invalidates every key."
        )
    if config["DEPLOYMENT"] and not config["PROXY_COUNT"]:
        raise DiagnosisError("PROXY_COUNT is 0, so no request counts as https. Set it to the number of proxies.")
    return "The settings are complete."


def database() -> str:
    """Check that the database answers."""
    url = db.engine.url
    if not _is_postgresql() and not Path(str(url.database)).exists():
        raise DiagnosisError(f"There is no file {url.database}. Check DATABASE_URL, or run `flask db upgrade`.")
    try:
        db.session.connection(execution_options={"read_only": True}).execute(text("SELECT 1"))
    except SQLAlchemyError as error:
        db.session.rollback()
        raise DiagnosisError(
            f"The database does not answer: {_cause(error)}. Check DATABASE_URL and the server."
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
    if not _is_postgresql():
        return f"The clock says {datetime.now(UTC):%Y-%m-%d %H:%M:%S} UTC."
    theirs: Any = db.session.scalar(text("SELECT clock_timestamp()"))
    skew = (datetime.now(UTC) - theirs).total_seconds()
    if abs(skew) > SKEW:
        side = "ahead of" if skew > 0 else "behind"
        raise DiagnosisError(f"The clock here is {abs(skew):.0f} seconds {side} the database's. Set both with NTP.")
    return "The clock agrees with the database's."


def connections() -> str:
    """Check that PostgreSQL, if no pooler is in front of it, allows as many connections as the workers may open."""
    if not _is_postgresql():
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


def storage() -> str:
    """Check that the database can be written, and that the disk of an SQLite file has free space."""
    if _is_postgresql():
        if db.session.scalar(text("SHOW transaction_read_only")) == "on":
            raise DiagnosisError("The database is read-only. Connect to the primary, or end its maintenance.")
        if refused := db.session.scalars(READ_ONLY_TABLES).all():
            raise DiagnosisError(
                f"The role may not write {', '.join(refused)}. Grant it that, or use the role that owns the tables."
            )
        return "The database can be written."
    file = Path(str(db.engine.url.database))
    if not os.access(file, os.W_OK) or not os.access(file.parent, os.W_OK):
        raise DiagnosisError(f"{file} or its folder cannot be written. Make the user of the service its owner.")
    if (free := shutil.disk_usage(file.parent).free) < FREE_SPACE:
        raise DiagnosisError(f"The disk of {file} has {free // 1024**2} MiB left. Free some space.")
    return f"{file} can be written."


def limits() -> str:
    """Check that the storage of rate limits answers. Without it, no client is limited."""
    if not current_app.extensions["limits"].storage.check():
        raise DiagnosisError(
            "The storage of rate limits does not answer, so no client is limited. Check RATELIMIT_STORAGE_URI."
        )
    return "The storage of rate limits answers."


def _cause(error: SQLAlchemyError) -> str:
    return " ".join(str(getattr(error, "orig", None) or error).split()).rstrip("?.")


def _is_postgresql() -> bool:
    return db.engine.dialect.name == "postgresql"


def _is_pooled() -> bool:
    """Whether another program answers for PostgreSQL: it names another process than the one that runs statements."""
    driver: Any = db.session.connection().connection.driver_connection
    return bool(driver.info.backend_pid != db.session.scalar(text("SELECT pg_backend_pid()")))


CHECKS: tuple[Callable[[], str], ...] = (configuration, database, migrations, clock, connections, storage, limits)


def examine() -> Iterator[tuple[str, str, bool]]:
    """Yield the name of each check, its sentence and whether it passed. The checks after `database` need a database."""
    for check in CHECKS:
        try:
            yield check.__name__, check(), True
        except DiagnosisError as problem:
            yield check.__name__, str(problem), False
            if check is database:
                return
        except SQLAlchemyError as error:
            db.session.rollback()
            yield check.__name__, f"The database refused the check: {_cause(error)}.", False
