"""`pangeo-forge datasets`."""

from __future__ import annotations

from typing import Any

import click

from pangeo_forge_client.command import options, output
from pangeo_forge_client.errors import NotFoundError, OpeningError
from pangeo_forge_client.records import Dataset

COLUMNS = {
    **{"id": "id", "title": "title", "feedstock": "feedstock", "recipe": "recipe_id", "format": "format"},
    **{"healthy": "healthy", "last build": "last_build", "url": "url"},
}


def _box(_context: click.Context, _parameter: click.Parameter, text: str | None) -> tuple[float, ...] | None:
    if text is None:
        return None
    try:
        west, south, east, north = (float(degrees) for degrees in text.split(","))
    except ValueError:
        raise click.BadParameter(f"{text} is not four numbers like -10,35,30,60.") from None
    return west, south, east, north


@click.group()
def datasets() -> None:
    """The datasets that runs have built, and links to others."""


@datasets.command()
@click.argument("words", nargs=-1)
@click.option("--bbox", metavar="W,S,E,N", callback=_box, help="Only datasets with data in this box, in degrees.")
@click.option("--datetime", metavar="TIME", help="Only datasets with data at a time, or in 2000-01-01/2000-12-31.")
@click.option("--variable", help="The name or the CF standard name of a variable.")
@click.option("--keyword", help="A keyword of the feedstock.")
@options.limit
@options.everything
@options.filters
@options.as_json
@options.service
def search(
    words: tuple[str, ...], limit: int, everything: bool, filters: dict[str, Any], as_json: bool, **where: Any
) -> None:
    """Search for datasets that have all WORDS, the best first. Without words, list them, the newest first."""
    forge = options.client()
    text = filters.pop("q", None) or " ".join(words) or None
    found = forge.datasets.search(text, limit=None if everything else limit, **where | filters)
    output.print_records(found, COLUMNS, as_json)


@datasets.command()
@click.argument("id", type=int)
@options.as_json
@options.service
def show(id: int, as_json: bool) -> None:
    """Show dataset ID: what it contains, and the Python code that opens it."""
    forge = options.client()
    found = forge.datasets.get(id)
    if as_json:
        output.print_json(found.values)
        return
    output.print_fields(_facts(found))
    try:
        described = forge.datasets.description(id)
    except NotFoundError:
        described = {"dimensions": {}}
    output.print_fields([("dimensions", [f"{name} {size}" for name, size in described["dimensions"].items()])])
    if found.snippet:
        click.echo(f"\n{output.clean(found.snippet)}")


@datasets.command("open")
@click.argument("id", type=int)
@click.option("--code", is_flag=True, help="Print Python code that opens it, instead of opening it.")
@options.service
def open_dataset(id: int, code: bool) -> None:
    """Open dataset ID and print its summary. Requires pip install 'pangeo-forge-client[xarray]'."""
    dataset = options.client().datasets.get(id)
    if not code:
        click.echo(output.clean(str(dataset.open())))
    elif dataset.snippet:
        click.echo(output.clean(dataset.snippet))
    else:
        raise OpeningError(f"The service does not know the format of dataset {id}.")


def _facts(dataset: Dataset) -> list[tuple[str, object]]:
    times = [time.date().isoformat() for time in (dataset.time_start, dataset.time_end) if time]
    return [
        *(("title", dataset.title), ("description", dataset.description), ("url", dataset.url)),
        *(("format", dataset.format), ("feedstock", dataset.feedstock), ("recipe", dataset.recipe_id)),
        *(("bakery", dataset.bakery), ("builds", dataset.build_count), ("last build", dataset.last_build)),
        *(("licence", dataset.license), ("keywords", dataset.keywords), ("variables", dataset.variables)),
        *(("box", dataset.bbox), ("times", " to ".join(times)), ("healthy", dataset.healthy)),
        ("withdrawn", dataset.withdrawn_at),
    ]
