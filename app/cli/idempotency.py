"""`flask idempotency …`: look after the answers kept for Idempotency-Key."""

from typing import Any, cast

import click
from flask.cli import AppGroup
from sqlalchemy import CursorResult, delete

from app import readiness
from app.cli.guards import sentences
from app.extensions import db
from app.models import IdempotencyKey
from app.models.columns import now
from app.models.idempotency_keys import LIFETIME

idempotency = AppGroup("idempotency", help="Look after the answers kept for Idempotency-Key.")


@idempotency.command()
@sentences()
def purge() -> None:
    """Forget the answers that are older than 24 hours."""
    readiness.require()
    expired = delete(IdempotencyKey).where(IdempotencyKey.created_at < now() - LIFETIME)
    count = cast("CursorResult[Any]", db.session.execute(expired)).rowcount
    db.session.commit()
    click.echo(f"Forgot {count} answers.")
