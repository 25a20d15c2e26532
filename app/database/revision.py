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

from app.extensions import MIGRATIONS, db

logger = logging.getLogger(__name__)


def check() -> None:
    """Raise 503 if the database is empty or behind, and SQLAlchemyError if it does not answer."""
    found = _current(db.session.connection())
    if not found or found in _revisions()[:-1]:
        raise _mismatch(found)


def exact_revision(connection: Connection) -> str:
    """The revision of the database. Raises 503 if it is not exactly that of this release."""
    found = _current(connection)
    if found is None or found != _revisions()[-1]:
        raise _mismatch(found)
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
    """Log why `check` fails, before the server starts to listen. Closes all connections."""
    with app.app_context():
        try:
            require()
        except ServiceUnavailable as error:
            logger.error("not ready: %s", error.description)
        except SQLAlchemyError as error:
            logger.error("not ready: the database does not answer", extra={"error": type(error).__name__})
        finally:
            db.engine.dispose()


def _current(connection: Connection) -> str | None:
    """The revision of the database, or None. Several are joined by commas, which equals no revision of ours."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    return ", ".join(connection.scalars(text("SELECT version_num FROM alembic_version ORDER BY version_num"))) or None


def _mismatch(found: str | None) -> ServiceUnavailable:
    state = f"at revision {found}" if found else "empty"
    known = _revisions()
    remedy = "use the release that it belongs to" if found and found not in known else "run `flask db upgrade`"
    return ServiceUnavailable(f"The database is {state}, this release needs {known[-1]}: {remedy}.", retry_after=5)


@cache
def _revisions() -> tuple[str, ...]:
    """The revisions of this release, oldest first, read without Alembic (see app/cli/__init__.py)."""
    scripts = "".join(path.read_text("utf-8") for path in sorted(MIGRATIONS.glob("versions/*.py")))
    return tuple(re.findall(r'^revision = "(.+)"$', scripts, re.MULTILINE))
