"""`flask idempotency …`: manage the stored answers of requests with an Idempotency-Key."""

from typing import Any, cast

import click
from flask.cli import AppGroup
from sqlalchemy import CursorResult, delete

from app.cli.command_errors import report_errors
from app.database import revision
from app.database.columns import now
from app.extensions import db
from app.models import IdempotencyKey
from app.models.idempotency_keys import LIFETIME

idempotency = AppGroup("idempotency", help="Manage the answers stored for Idempotency-Key.")


@idempotency.command()
@report_errors()
def purge() -> None:
    """Delete the answers that are older than 24 hours."""
    revision.require()
    expired = delete(IdempotencyKey).where(IdempotencyKey.created_at < now() - LIFETIME)
    count = cast("CursorResult[Any]", db.session.execute(expired)).rowcount
    db.session.commit()
    click.echo(f"Deleted {count} answer{'' if count == 1 else 's'}.")
