"""`pangeo-forge runs watch`."""

from __future__ import annotations

import datetime as dt
import time

import click

from pangeo_forge_client.client import Client
from pangeo_forge_client.command import options, output
from pangeo_forge_client.command.exits import EXIT_RUN_FAILED
from pangeo_forge_client.command.runs import print_run
from pangeo_forge_client.records import Run

CLEAR_LINE = "\r\x1b[K"


@click.command()
@click.argument("id", type=int)
@click.option(
    "--interval", type=click.FloatRange(0.1), default=5.0, show_default=True, help="Seconds between requests."
)
@options.as_json
@options.service
def watch(id: int, interval: float, as_json: bool) -> None:
    """Watch run ID until it is completed. The exit code is 1 if it has failed.

    With --json, print the run as a line of JSON at first and after each change.
    """
    run = _watched(options.client(), id, interval, as_json)
    if not as_json:
        click.echo()
        print_run(run)
    if run.has_failed:
        click.get_current_context().exit(EXIT_RUN_FAILED)


def _watched(forge: Client, id: int, interval: float, as_json: bool) -> Run:
    """Print the run after each change, and its progress in a terminal. Return it when it is completed."""
    in_place = output.to_people() and not as_json
    usual, before = "", None
    for run in forge.runs.watch(id, interval=interval):
        if run is not before:
            usual = usual or (_usual_duration(forge, run) if in_place else "")
            _print_change(run, as_json, CLEAR_LINE if in_place else "")
        if in_place and not run.is_completed:
            click.echo(f"{CLEAR_LINE}{_elapsed(run)}{usual}", nl=False)
        before = run
    return run


def _print_change(run: Run, as_json: bool, start: str) -> None:
    if as_json:
        output.print_json(run.values)
    else:
        click.echo(f"{start}{time.strftime('%H:%M:%S')}  {output.state(run)}")


def _elapsed(run: Run) -> str:
    since = dt.datetime.now(dt.timezone.utc) - run.started_at
    return f"{run.status.replace('_', ' ')} for {output.duration(max(0.0, since.total_seconds()))}"


def _usual_duration(forge: Client, run: Run) -> str:
    """How long such runs take: those of the same feedstock, and of the same kind."""
    median = forge.stats.overview(feedstock_id=run.feedstock_id, is_test=run.is_test)["duration"]["median"]
    return "" if median is None else f", runs of this feedstock usually take {output.duration(median)}"
