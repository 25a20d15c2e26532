"""`pangeo-forge feedstocks`."""

from __future__ import annotations

from typing import Any

import click

from pangeo_forge_client.command import options, output

COLUMNS = {"id": "id", "repository": "spec", "provider": "provider", "retired": "retired_at"}


@click.group()
def feedstocks() -> None:
    """The repositories that contain recipes."""


@feedstocks.command("list")
@options.limit
@options.everything
@options.filters
@options.as_json
@options.service
def list_feedstocks(limit: int, everything: bool, filters: dict[str, Any], as_json: bool) -> None:
    """List feedstocks."""
    found = options.client().feedstocks.list(limit=None if everything else limit, **filters)
    output.print_records(found, COLUMNS, as_json)


@feedstocks.command()
@click.argument("feedstock")
@options.as_json
@options.service
def show(feedstock: str, as_json: bool) -> None:
    """Show a feedstock: FEEDSTOCK is its id or owner/name."""
    forge = options.client()
    found = forge.feedstocks.get(feedstock)
    if as_json:
        output.print_json(found.values)
        return
    statistics = forge.stats.overview(feedstock_id=found.id)
    succeeded = statistics["by_conclusion"].get("success")
    output.print_fields(
        [
            *(("repository", found.spec), ("id", found.id), ("retired", found.retired_at)),
            *(("runs", statistics["runs"]), ("successful", succeeded)),
            ("datasets", [dataset.url for dataset in forge.datasets.list(feedstock_id=found.id)]),
        ]
    )


@feedstocks.command()
@click.argument("spec")
@options.as_json
@options.service
def add(spec: str, as_json: bool) -> None:
    """Add a feedstock: SPEC is owner/name or the URL of the repository. The command is safe to repeat."""
    output.print_record(options.client().feedstocks.create(spec), COLUMNS, as_json)
