"""Options that the commands share, and the client that follows from them."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import click

from pangeo_forge_client.client import Client
from pangeo_forge_client.command import credentials
from pangeo_forge_client.transport import KEY_VARIABLE, SERVER, SERVER_VARIABLE

F = TypeVar("F", bound=Callable[..., Any])


@dataclass
class Settings:
    """What the command line says, at any place of it. Else the environment counts, then the last login."""

    server: str | None = None
    api_key: str | None = None

    def chosen_server(self) -> str:
        chosen = self.server or os.environ.get(SERVER_VARIABLE) or credentials.stored_server() or SERVER
        return chosen.rstrip("/")

    def chosen_key(self) -> str | None:
        given = self.api_key or os.environ.get(KEY_VARIABLE)
        return given or credentials.stored_key(self.chosen_server())


def settings() -> Settings:
    return click.get_current_context().ensure_object(Settings)


def client() -> Client:
    """The client of this command. It is closed when the command ends."""
    chosen = settings()
    return click.get_current_context().with_resource(Client(chosen.chosen_server(), chosen.chosen_key()))


def _remember(_context: click.Context, parameter: click.Parameter, value: str | None) -> None:
    if value:
        setattr(settings(), str(parameter.name), value)


def service(command: F) -> F:
    """Add the options that name the service."""
    server = click.option(
        "--server",
        metavar="URL",
        expose_value=False,
        callback=_remember,
        help=f"The address of the service. Default: {SERVER_VARIABLE}, the last login, or {SERVER}.",
    )
    key = click.option(
        "--api-key",
        metavar="KEY",
        expose_value=False,
        callback=_remember,
        help=f"The API key. Default: {KEY_VARIABLE}, or the key of `pangeo-forge login`.",
    )
    return server(key(command))


as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON for programs.")
limit = click.option("-L", "--limit", type=click.IntRange(1), default=30, show_default=True, help="How many records.")
everything = click.option("--all", "everything", is_flag=True, help="All records, instead of up to --limit.")
filters = click.option(
    "-F",
    "--filter",
    "filters",
    multiple=True,
    metavar="NAME=VALUE",
    callback=lambda _context, _parameter, given: pairs(given),
    help="Any filter of the list, see docs/using/parameters.md. Repeat it for more filters or values.",
)


def pairs(given: tuple[str, ...]) -> dict[str, Any]:
    """Texts like `name=value` as filters; values of the same name match any of them."""
    found: dict[str, Any] = {}
    for text in given:
        name, equals, value = text.partition("=")
        if not equals or not name:
            raise click.BadParameter(f"{text} is not like NAME=VALUE.")
        if name == "limit":
            raise click.BadParameter("Use --limit.")
        found.setdefault(name, []).append(value)
    return {name: values[0] if len(values) == 1 else values for name, values in found.items()}
