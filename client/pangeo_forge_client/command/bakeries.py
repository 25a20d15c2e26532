"""`pangeo-forge bakeries`."""

from __future__ import annotations

from typing import Any

import click

from pangeo_forge_client.command import options, output

COLUMNS = {"id": "id", "name": "name", "region": "region", "description": "description", "retired": "retired_at"}


@click.group()
def bakeries() -> None:
    """The compute environments that run recipes."""


@bakeries.command("list")
@options.limit
@options.everything
@options.filters
@options.as_json
@options.service
def list_bakeries(limit: int, everything: bool, filters: dict[str, Any], as_json: bool) -> None:
    """List bakeries."""
    found = options.client().bakeries.list(limit=None if everything else limit, **filters)
    output.print_records(found, COLUMNS, as_json)


@bakeries.command()
@click.argument("bakery")
@options.as_json
@options.service
def show(bakery: str, as_json: bool) -> None:
    """Show a bakery: BAKERY is its id or its name."""
    forge = options.client()
    found = forge.bakeries.get(bakery)
    if as_json:
        output.print_json(found.values)
        return
    statistics = forge.stats.overview(bakery_id=found.id)
    output.print_fields(
        [
            *(("name", found.name), ("id", found.id), ("region", found.region), ("description", found.description)),
            *(("retired", found.retired_at), ("runs", statistics["runs"])),
            ("successful", statistics["by_conclusion"].get("success")),
        ]
    )


@bakeries.command("webhook-secret")
@click.argument("bakery")
@click.option("--overlap-minutes", type=int, default=1440, show_default=True, help="How long the former one is valid.")
@click.option("--revoke", is_flag=True, help="Accept no signature of the bakery any more.")
@options.as_json
@options.service
def webhook_secret(bakery: str, overlap_minutes: int, revoke: bool, as_json: bool) -> None:
    """Create or rotate the secret with which a bakery signs reports, and print it. It is not shown again."""
    forge = options.client()
    id = forge.bakeries.get(bakery).id
    if revoke:
        forge.bakeries.revoke_secret(id)
        return
    secret = forge.bakeries.create_secret(id, overlap_minutes=overlap_minutes)
    if as_json:
        output.print_json(secret.values)
    else:
        click.echo(secret.secret)


@bakeries.command()
@click.argument("name")
@click.option("--region", required=True, help="As its cloud provider names it.")
@click.option("--description", default="", help="What it is and who runs it.")
@options.as_json
@options.service
def add(name: str, region: str, description: str, as_json: bool) -> None:
    """Add a bakery. The command is safe to repeat."""
    added = options.client().bakeries.create(name, region=region, description=description)
    output.print_record(added, COLUMNS, as_json)
