"""Whether the database is the one this release was written for.

A server in front of a database that is behind its migrations answers 503 with a sentence until `flask db upgrade` has
run. A database ahead of them is fine: the release phase migrates while the old release still serves.
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
    """Raise 503 if the database is behind; whatever SQLAlchemy raises if it cannot be asked."""
    found = _found(db.session.connection())
    if not found or found in _revisions()[:-1]:
        raise _unfit(found)


def exact_revision(connection: Connection) -> str:
    """The revision of the database, if it is this release's own; 503 also if it is ahead."""
    found = _found(connection)
    if found is None or found != _revisions()[-1]:
        raise _unfit(found)
    return found


def require() -> None:
    """`check`, until it has passed once."""
    if not current_app.extensions.get("database_checked"):
        check()
        db.session.rollback()  # whoever writes begins anew
        current_app.extensions["database_checked"] = True


def forget() -> None:
    """Let the next `require` check again."""
    current_app.extensions["database_checked"] = False


def report(app: Flask) -> None:
    """Log what `check` finds; for the moment before a server starts to listen."""
    with app.app_context():
        try:
            require()
        except ServiceUnavailable as error:
            logger.error("not ready: %s", error.description)
        except SQLAlchemyError as error:
            logger.error("not ready: the database does not answer", extra={"error": type(error).__name__})
        finally:
            db.engine.dispose()


def _found(connection: Connection) -> str | None:
    """The revision of the database; revisions, should there ever be several, which none of ours is."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    return ", ".join(connection.scalars(text("SELECT version_num FROM alembic_version ORDER BY version_num"))) or None


def _unfit(found: str | None) -> ServiceUnavailable:
    state = f"at revision {found}" if found else "empty"
    known = _revisions()
    remedy = "take the release that belongs to it" if found and found not in known else "run `flask db upgrade`"
    return ServiceUnavailable(f"The database is {state}, this release needs {known[-1]}: {remedy}.", retry_after=5)


@cache
def _revisions() -> tuple[str, ...]:
    """Those of this release, the first first, as their files are; without Alembic, see app/cli/__init__.py."""
    scripts = "".join(path.read_text("utf-8") for path in sorted(MIGRATIONS.glob("versions/*.py")))
    return tuple(re.findall(r'^revision = "(.+)"$', scripts, re.MULTILINE))
