"""`flask api-keys …`: look after API keys, for whoever has a shell."""

from datetime import datetime, timedelta
from typing import Any

import click
from flask import current_app
from flask.cli import AppGroup
from marshmallow import ValidationError
from sqlalchemy import select

from app.cli.guards import sentences
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

api_keys = AppGroup("api-keys", help="Look after API keys.")


@api_keys.command("list")
@sentences()
def list_keys() -> None:
    """List all API keys, by number."""
    revision.require()
    rows = [_row(record) for record in db.session.scalars(select(APIKey).order_by(APIKey.id))]
    click.echo("\n".join(table(HEAD, rows)) if rows else "There are no API keys but that of the configuration.")


@api_keys.command()
@click.option("--label", help="Who uses the key, as the history of runs names them.")
@click.option("--scope", "scopes", multiple=True, help="admin, write (the default) or bakery:ID, this may be repeated.")
@click.option("--days", type=click.IntRange(1, 36_500), help="For how many days it works; for good by default.")
@sentences()
def create(label: str | None, scopes: tuple[str, ...], days: int | None) -> None:
    """Make an API key and print it on standard output, this once."""
    revision.require()
    time = wire_time(now() + timedelta(days=days)) if days else None
    given = {"label": label, "scopes": list(scopes) or [WRITE_SCOPE], "expires_at": time}
    record, key = service.create(_checked(given), SYSTEM, current_app.config["ENCRYPTION_SALT"])
    audit.add("create_api_key", "api-keys", record.id, details={"label": record.label, "scopes": record.scopes})
    db.session.commit()
    click.echo(f"API key {record.id}; it is not shown again:", err=True)
    click.echo(key)


@api_keys.command()
@click.argument("number", type=int)
@sentences()
def revoke(number: int) -> None:
    """Make API key NUMBER useless, at once; it stays in the list."""
    revision.require()
    record = records.get(APIKey, number, to_write=True)
    if record.is_active:
        record.is_active = False
        audit.add("update_api_key", "api-keys", number, details={"label": record.label, "is_active": False})
    db.session.commit()
    click.echo(f"API key {number} is revoked.")


@api_keys.command()
@click.argument("number", type=int)
@click.option(
    "--grace-hours",
    type=click.IntRange(0, GRACE_MAX),
    default=GRACE_DEFAULT,
    show_default=True,
    help="For how long the old key goes on working.",
)
@sentences()
def rotate(number: int, grace_hours: int) -> None:
    """Make a key that takes the place of API key NUMBER, and print it on standard output, this once."""
    revision.require()
    old = records.get(APIKey, number, to_write=True)
    grace = timedelta(hours=grace_hours)
    record, key = service.rotate(old, grace, SYSTEM, current_app.config["ENCRYPTION_SALT"])
    audit.add("rotate_api_key", "api-keys", number, details={"label": record.label, "successor": record.id})
    db.session.commit()
    click.echo(f"API key {number} expires {_time(old.expires_at)}; API key {record.id}, not shown again:", err=True)
    click.echo(key)


def _checked(given: dict[str, Any]) -> dict[str, Any]:
    """What the API would make of it, or the first thing that it would find wrong."""
    try:
        return dict(APIKeyCreate().load(given))
    except ValidationError as error:
        (name, found), *_ = error.messages_dict.items()
        texts = found if isinstance(found, list) else next(iter(found.values()))
        raise click.ClickException(f"{name}: {texts[0]}") from None


def _row(record: APIKey) -> tuple[str, ...]:
    times = (record.created_at, record.expires_at, record.last_used_at)
    created, expires, used = map(_time, times)
    names = (record.label or "-", " ".join(record.scopes))
    return (str(record.id), *names, _state(record), created, record.created_by or "-", expires, used)


def _state(record: APIKey) -> str:
    if record.works:
        return f"replaced by {record.replaced_by}" if record.replaced_by else "active"
    return "expired" if record.is_active else "revoked"


def _time(value: datetime | None) -> str:
    return wire_time(value.replace(microsecond=0)) if value else "-"
