"""`flask api-keys …`: manage API keys from a shell."""

from datetime import datetime, timedelta
from typing import Any

import click
from flask import current_app
from flask.cli import AppGroup
from marshmallow import ValidationError
from sqlalchemy import select

from app.cli.command_errors import report_errors
from app.cli.tables import table
from app.database import revision
from app.database.columns import now, wire_time
from app.extensions import db
from app.models import APIKey
from app.models.api_keys import WRITE_SCOPE
from app.models.recipe_runs import SYSTEM
from app.schemas.api_keys import GRACE_DEFAULT, GRACE_MAX, APIKeyCreate
from app.services import api_keys as service
from app.services import audit, records

HEAD = ("ID", "LABEL", "SCOPES", "STATE", "CREATED", "BY", "EXPIRES", "LAST USED")

api_keys = AppGroup("api-keys", help="Manage API keys.")


@api_keys.command("list")
@report_errors()
def list_keys() -> None:
    """List all API keys, ordered by id."""
    revision.require()
    rows = [_row(record) for record in db.session.scalars(select(APIKey).order_by(APIKey.id))]
    click.echo(
        "\n".join(table(HEAD, rows)) if rows else "There are no API keys except the admin key of the configuration."
    )


@api_keys.command()
@click.option("--label", help="Who uses the key. The history of runs shows it as the actor.")
@click.option(
    "--scope", "scopes", multiple=True, help="admin, write (the default) or bakery:ID, which can be repeated."
)
@click.option(
    "--days", type=click.IntRange(1, 36_500), help="After how many days the key expires; by default it never does."
)
@report_errors()
def create(label: str | None, scopes: tuple[str, ...], days: int | None) -> None:
    """Create an API key.

    The command prints the key on standard output. It cannot be shown again.
    """
    revision.require()
    time = wire_time(now() + timedelta(days=days)) if days else None
    values = {"label": label, "scopes": list(scopes) or [WRITE_SCOPE], "expires_at": time}
    record, key = service.create(_checked(values), SYSTEM, current_app.config["ENCRYPTION_SALT"])
    audit.add("create_api_key", "api-keys", record.id, details={"label": record.label, "scopes": record.scopes})
    db.session.commit()
    click.echo(f"API key {record.id}. Store it now: it cannot be shown again.", err=True)
    click.echo(key)


@api_keys.command()
@click.argument("key_id", type=int, metavar="ID")
@report_errors()
def revoke(key_id: int) -> None:
    """Revoke an API key at once.

    The key remains in the list.
    """
    revision.require()
    record = records.get(APIKey, key_id, to_write=True)
    if record.is_active:
        record.is_active = False
        audit.add("update_api_key", "api-keys", key_id, details={"label": record.label, "is_active": False})
    db.session.commit()
    click.echo(f"API key {key_id} is revoked.")


@api_keys.command()
@click.argument("key_id", type=int, metavar="ID")
@click.option(
    "--grace-hours",
    type=click.IntRange(0, GRACE_MAX),
    default=GRACE_DEFAULT,
    show_default=True,
    help="How many hours the old key remains valid.",
)
@report_errors()
def rotate(key_id: int, grace_hours: int) -> None:
    """Replace an API key by a new one.

    The command prints the new key on standard output. It cannot be shown again.
    """
    revision.require()
    old = records.get(APIKey, key_id, to_write=True)
    grace = timedelta(hours=grace_hours)
    record, key = service.rotate(old, grace, SYSTEM, current_app.config["ENCRYPTION_SALT"])
    audit.add("rotate_api_key", "api-keys", key_id, details={"label": record.label, "successor": record.id})
    db.session.commit()
    click.echo(
        f"API key {key_id} expires {_time(old.expires_at)}. "
        f"API key {record.id} replaces it. Store it now: it cannot be shown again.",
        err=True,
    )
    click.echo(key)


def _checked(values: dict[str, Any]) -> dict[str, Any]:
    """Validate `values` with the schema of the API. Raises ClickException with the first error."""
    try:
        return dict(APIKeyCreate().load(values))
    except ValidationError as error:
        (name, messages), *_ = error.messages_dict.items()
        texts = messages if isinstance(messages, list) else next(iter(messages.values()))
        raise click.ClickException(f"{name}: {texts[0]}") from None


def _row(record: APIKey) -> tuple[str, ...]:
    times = (record.created_at, record.expires_at, record.last_used_at)
    created, expires, used = map(_time, times)
    names = (record.label or "-", " ".join(record.scopes))
    return (str(record.id), *names, _state(record), created, record.created_by or "-", expires, used)


def _state(record: APIKey) -> str:
    if record.is_valid:
        return f"replaced by {record.replaced_by}" if record.replaced_by else "active"
    return "expired" if record.is_active else "revoked"


def _time(value: datetime | None) -> str:
    return wire_time(value.replace(microsecond=0)) if value else "-"
