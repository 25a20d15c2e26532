"""Compares the revision of the database with the migrations of this release.

While the database is behind, the server answers 503 until `flask db upgrade` has run. A database that is ahead is fine:
the release phase migrates it while the previous release still serves.
"""

import logging
import re
from functools import cache

from flask import Flask, current_app
from sqlalchemy import Connection, inspect, text
from sqlalchemy.exc import SQLAlchemyError
from werkzeug.exceptions import ServiceUnavailable

from app.errors import RETRY_AFTER
from app.extensions import MIGRATIONS, db

logger = logging.getLogger(__name__)

HIDDEN_SCHEMA = text("""
    SELECT quote_ident(nspname) FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace
    WHERE relname = 'alembic_version' AND relkind = 'r' ORDER BY nspname LIMIT 1
""")


def check() -> None:
    """Raise 503 if the database is empty or behind, and SQLAlchemyError if it does not answer."""
    connection = db.session.connection()
    found = _current(connection)
    if not found or found in _revisions()[:-1]:
        raise _mismatch(connection, found)


def exact_revision(connection: Connection) -> str:
    """The revision of the database. Raises 503 if it is not exactly that of this release."""
    found = _current(connection)
    if sentence := newer(connection):
        raise ServiceUnavailable(sentence, retry_after=RETRY_AFTER)
    if found is None or found != _revisions()[-1]:
        raise _mismatch(connection, found)
    return found


def require() -> None:
    """Call `check` unless it has passed since the last `forget`."""
    if not current_app.extensions.get("database_checked"):
        check()
        db.session.rollback()  # a request that writes begins another transaction
        current_app.extensions["database_checked"] = True


def forget() -> None:
    """Make the next `require` call `check` again."""
    current_app.extensions["database_checked"] = False


def report(app: Flask) -> None:
    """Log why `check` fails, or that the database is ahead, before the server starts. Closes all connections."""
    with app.app_context():
        try:
            require()
            if sentence := newer(db.session.connection()):
                logger.warning("%s", sentence)
        except ServiceUnavailable as error:
            logger.error("not ready: %s", error.description)
        except SQLAlchemyError as error:
            logger.error("not ready: the database does not answer", extra={"error": type(error).__name__})
        finally:
            db.engine.dispose()


def newer(connection: Connection) -> str | None:
    """A sentence if a newer release has migrated the database, else None."""
    found, known = _current(connection), _revisions()
    if found is None or found in known:
        return None
    return (
        f"The database is at revision {found}, which this release does not know; its newest is {known[-1]}. A newer "
        f"release has migrated the database. Run that release, or downgrade the database with it: "
        f"`flask db downgrade {known[-1]}`."
    )


def _current(connection: Connection) -> str | None:
    """The revision of the database, or None. Several are joined by commas, which equals no revision of ours."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    return ", ".join(connection.scalars(text("SELECT version_num FROM alembic_version ORDER BY version_num"))) or None


def _mismatch(connection: Connection, found: str | None) -> ServiceUnavailable:
    if found is None and (schema := _hidden_schema(connection)):
        sentence = (
            f"The tables are in the schema {schema}, where the role does not find them: grant it USAGE on the schema, "
            f"and run `ALTER ROLE … SET search_path = {schema}`."
        )
    else:
        state = f"at revision {found}" if found else "empty"
        sentence = f"The database is {state}, this release needs {_revisions()[-1]}: run `flask db upgrade`."
    return ServiceUnavailable(sentence, retry_after=RETRY_AFTER)


def _hidden_schema(connection: Connection) -> str | None:
    """A schema that has our tables, although the role does not find them; None if there is none, as on SQLite."""
    if connection.dialect.name != "postgresql":
        return None
    schema: str | None = connection.scalar(HIDDEN_SCHEMA)
    return schema


@cache
def _revisions() -> tuple[str, ...]:
    """The revisions of this release, oldest first, read without Alembic (see app/cli/__init__.py)."""
    scripts = "".join(path.read_text("utf-8") for path in sorted(MIGRATIONS.glob("versions/*.py")))
    return tuple(re.findall(r'^revision = "(.+)"$', scripts, re.MULTILINE))
