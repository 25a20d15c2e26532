"""`pangeo-forge keys`."""

from __future__ import annotations

from typing import Any

import click

from pangeo_forge_client.command import options, output
from pangeo_forge_client.records import NewKey

COLUMNS = {
    **{"id": "id", "label": "label", "scopes": "scopes", "active": "is_active"},
    **{"expires": "expires_at", "last used": "last_used_at"},
}


@click.group()
def keys() -> None:
    """API keys. All but `me` require an administrator's key."""


@keys.command("list")
@options.limit
@options.everything
@options.filters
@options.as_json
@options.service
def list_keys(limit: int, everything: bool, filters: dict[str, Any], as_json: bool) -> None:
    """List API keys, without the keys themselves."""
    found = options.client().keys.list(limit=None if everything else limit, **filters)
    output.print_records(found, COLUMNS, as_json)


@keys.command()
@options.as_json
@options.service
def me(as_json: bool) -> None:
    """Show the key in use."""
    columns = {"id": "id", "label": "label", "scopes": "scopes", "expires": "expires_at"}
    output.print_record(options.client().keys.me(), columns, as_json)


@keys.command()
@click.argument("label")
@click.option("--scope", "scopes", multiple=True, help="admin, write, or bakery:ID; repeat it for several bakeries.")
@click.option("--expires-at", metavar="TIME", help="Such as 2027-03-03T00:00:00Z.")
@options.as_json
@options.service
def create(label: str, scopes: tuple[str, ...], expires_at: str | None, as_json: bool) -> None:
    """Create a key for LABEL, who uses it, and print it. It is not shown again."""
    given = {"scopes": list(scopes), "expires_at": expires_at}
    fields: dict[str, Any] = {name: value for name, value in given.items() if value}
    _print_new(options.client().keys.create(label=label, **fields), as_json)


@keys.command()
@click.argument("id", type=int)
@click.option("--grace-hours", type=int, default=24, show_default=True, help="How long the old key remains valid.")
@options.as_json
@options.service
def rotate(id: int, grace_hours: int, as_json: bool) -> None:
    """Replace key ID by a new one, and print that. It is not shown again."""
    _print_new(options.client().keys.rotate(id, grace_hours=grace_hours), as_json)


@keys.command()
@click.argument("id", type=int)
@options.as_json
@options.service
def revoke(id: int, as_json: bool) -> None:
    """Make key ID invalid at once."""
    output.print_record(options.client().keys.revoke(id), COLUMNS, as_json)


def _print_new(key: NewKey, as_json: bool) -> None:
    """Print the key alone on standard output, so that a script can store it."""
    if as_json:
        output.print_json(key.values)
        return
    click.echo(f"Key {key.id} for {key.label}: {', '.join(key.scopes)}.", err=True)
    click.echo(key.key)
