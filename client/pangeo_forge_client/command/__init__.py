"""The command `pangeo-forge`."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import Any

import click

from pangeo_forge_client.command import (
    bakeries,
    database,
    datasets,
    feedstocks,
    keys,
    login,
    options,
    reporting,
    runs,
    watching,
)
from pangeo_forge_client.command.exits import EXIT_INTERRUPTED, EXIT_OK, EXIT_SERVICE, EXIT_USAGE
from pangeo_forge_client.command.output import clean
from pangeo_forge_client.errors import (
    AnswerError,
    NoAnswerError,
    PangeoForgeError,
    UnavailableError,
    UnexpectedAnswerError,
)
from pangeo_forge_client.version import __version__

FAULTS = (NoAnswerError, UnavailableError, UnexpectedAnswerError)


class Program(click.Group):
    def invoke(self, context: click.Context) -> Any:
        try:
            return super().invoke(context)
        except BrokenPipeError:  # the reader has enough, as `head` does
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return EXIT_OK


@click.group(cls=Program, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 120})
@click.version_option(__version__, prog_name="pangeo-forge")
@options.service
def program() -> None:
    """Find the datasets of Pangeo Forge, and report and watch recipe runs.

    Exit codes: 0 done, 1 the run has failed, 2 the command or the request is wrong, 3 the service does not answer or is
    busy.
    """


for command in (watching.watch, reporting.start, reporting.report):
    runs.runs.add_command(command)
for command in (
    *(runs.runs, datasets.datasets, feedstocks.feedstocks, bakeries.bakeries),
    *(keys.keys, login.login, login.logout, database.database),
):
    program.add_command(command)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code. An error is a sentence, never a traceback."""
    try:
        result = program.main(arguments, prog_name="pangeo-forge", standalone_mode=False, obj=options.Settings())
    except click.ClickException as error:
        error.show()
        return EXIT_USAGE
    except click.Abort:
        click.echo("Interrupted.", err=True)
        return EXIT_INTERRUPTED
    except PangeoForgeError as error:
        _show(error)
        return EXIT_SERVICE if isinstance(error, FAULTS) else EXIT_USAGE
    return result if isinstance(result, int) else EXIT_OK


def run() -> None:
    sys.exit(main())


def _show(error: PangeoForgeError) -> None:
    click.echo(f"Error: {clean(str(error))}", err=True)
    if not isinstance(error, AnswerError):
        return
    for each in error.errors if len(error.errors) > 1 else ():
        click.echo(f"  {each.place} {each.pointer}: {clean(each.detail)}", err=True)
    if error.request_id:
        click.echo(f"The service logged this as request {error.request_id} (status {error.status}).", err=True)
