"""`pangeo-forge login` and `logout`."""

from __future__ import annotations

import sys

import click

from pangeo_forge_client.client import Client
from pangeo_forge_client.command import credentials, options


@click.command()
@options.service
def login() -> None:
    """Store an API key for a service, which is then the default.

    The command asks for the key, or reads it from standard input if that is not a terminal. It checks the key, and
    stores it in the keyring of the system if the package `keyring` is installed, else in a file that only you may read.
    """
    chosen = options.settings()
    server, key = chosen.chosen_server(), chosen.api_key or _asked(chosen.chosen_server())
    if not key:
        raise click.UsageError("There is no key on standard input.")
    with Client(server, key) as forge:
        me = forge.keys.me()
    place = credentials.store(server, key)
    click.echo(f"Logged in to {server} as {me.label or 'a key without a label'} ({', '.join(me.scopes)}).")
    click.echo(f"The key is in {place}.")


@click.command()
@options.service
def logout() -> None:
    """Delete the stored key of a service. The key itself stays valid."""
    server = options.settings().chosen_server()
    known = credentials.forget(server)
    click.echo(f"The key of {server} is deleted." if known else f"No key of {server} is stored.")


def _asked(server: str) -> str:
    if sys.stdin.isatty():
        return str(click.prompt(f"API key of {server}", hide_input=True)).strip()
    return sys.stdin.readline().strip()
