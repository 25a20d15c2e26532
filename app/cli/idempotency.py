"""`flask idempotency …`: look after the answers kept for Idempotency-Key."""

from typing import Any, cast

import click
from flask.cli import AppGroup
from sqlalchemy import CursorResult, delete

from app.cli.guards import sentences
from app.database import revision
from app.database.columns import now
from app.extensions import db
from app.models import IdempotencyKey
from app.models.idempotency_keys import LIFETIME

idempotency = AppGroup("idempotency", help="Look after the answers kept for Idempotency-Key.")


@idempotency.command()
@sentences()
def purge() -> None:
    """Forget the answers that are older than 24 hours."""
    revision.require()
    expired = delete(IdempotencyKey).where(IdempotencyKey.created_at < now() - LIFETIME)
    count = cast("CursorResult[Any]", db.session.execute(expired)).rowcount
    db.session.commit()
    click.echo(f"Forgot {count} answers.")
