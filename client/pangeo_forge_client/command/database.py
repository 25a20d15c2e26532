"""`pangeo-forge database`: requests as they are, like the command of the original."""

from __future__ import annotations

import json
import sys
from typing import Any

import click

from pangeo_forge_client.command import options


def _json(_context: click.Context, _parameter: click.Parameter, text: str) -> Any:
    try:
        return json.loads(sys.stdin.read() if text == "-" else text)
    except ValueError as error:
        raise click.BadParameter(f"it is not JSON: {error}.") from None


endpoint = click.argument("endpoint")
data = click.argument("data", callback=_json)


@click.group()
@options.service
def database() -> None:
    """Send requests as they are, and print the answers. DATA is JSON, or - for JSON on standard input."""


@database.command()
@endpoint
@options.service
def get(endpoint: str) -> None:
    """Read a list, such as /bakeries/, or a record, such as /bakeries/1."""
    click.echo(options.client().get(endpoint).text)


@database.command()
@endpoint
@data
@options.service
def post(endpoint: str, data: Any) -> None:
    """Add a record to a list, such as /bakeries/."""
    click.echo(options.client().post(endpoint, data).text)


@database.command()
@endpoint
@data
@options.service
def patch(endpoint: str, data: Any) -> None:
    """Change a record, such as /bakeries/1."""
    click.echo(options.client().patch(endpoint, data).text)


@database.command()
@endpoint
@options.service
def delete(endpoint: str) -> None:
    """Delete a record, such as /bakeries/1."""
    click.echo(options.client().delete(endpoint).text)
