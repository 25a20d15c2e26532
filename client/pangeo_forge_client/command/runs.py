"""`pangeo-forge runs`: runs and their logs."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import click

from pangeo_forge_client.client import Client
from pangeo_forge_client.command import options, output
from pangeo_forge_client.records import Log, Run

COLUMNS = {
    **{"id": "id", "state": "state", "recipe": "recipe_id", "feedstock": "feedstock_id", "bakery": "bakery_id"},
    **{"test": "is_test", "started": "started_at", "completed": "completed_at"},
}
FOLLOW_EVERY = 2.0  # seconds


@click.group()
def runs() -> None:
    """Executions of recipes."""


@runs.command("list")
@click.option("--feedstock", help="Its id or owner/name.")
@click.option("--bakery", help="Its id or name.")
@click.option("--recipe", help="The id of the recipe.")
@click.option("--status", multiple=True, help="queued, in_progress or completed.")
@click.option("--conclusion", multiple=True, help="Such as success or failure.")
@click.option("--failure-class", multiple=True, help="Such as object_missing, see docs/using/failures.md.")
@click.option("--since", metavar="TIME", help="Only runs that started at this time or later.")
@click.option("--search", "q", metavar="TEXT", help="Only runs with this text in the recipe or the message.")
@options.limit
@options.everything
@options.filters
@options.as_json
@options.service
def list_runs(
    feedstock: str | None,
    bakery: str | None,
    recipe: str | None,
    limit: int,
    everything: bool,
    filters: dict[str, Any],
    as_json: bool,
    **more: Any,
) -> None:
    """List runs, the newest first."""
    forge = options.client()
    chosen = {
        "feedstock_id": forge.feedstocks.get(feedstock).id if feedstock else None,
        "bakery_id": forge.bakeries.get(bakery).id if bakery else None,
        "recipe_id": recipe,
    }
    order = {"order_by": "id", "sort": "desc"}
    found = forge.runs.list(limit=None if everything else limit, **order | chosen | more | filters)
    if output.to_people() and not as_json:
        _print_with_names(forge, found)
    else:
        output.print_records(found, COLUMNS, as_json)


@runs.command()
@click.argument("id", type=int)
@options.as_json
@options.service
def show(id: int, as_json: bool) -> None:
    """Show run ID, and why it failed."""
    run = options.client().runs.get(id)
    if as_json:
        output.print_json(run.values)
    else:
        print_run(run)


@runs.command()
@click.argument("id", type=int)
@click.option("--tail", type=click.IntRange(1, 1000), help="Only the last lines.")
@click.option("--follow", is_flag=True, help="Go on until the run is completed.")
@options.as_json
@options.service
def logs(id: int, tail: int | None, follow: bool, as_json: bool) -> None:
    """Print the log of run ID."""
    forge = options.client()
    log = forge.runs.log(id, tail=tail)
    if log.log_url:
        click.echo(f"The bakery keeps the log at {output.clean(log.log_url)}", err=True)
    if log.cut_lines and not tail:
        click.echo(f"The service no longer has the first {log.cut_lines} lines.", err=True)
    log = _print_rest(forge, id, log, as_json)
    for _ in forge.runs.watch(id, interval=FOLLOW_EVERY) if follow else ():
        log = _print_rest(forge, id, forge.runs.log(id, offset=log.next), as_json)


@runs.command()
@click.argument("id", type=int)
@options.service
def reproduce(id: int) -> None:
    """Print a shell script that runs the same recipe on this machine."""
    click.echo(options.client().runs.reproduce(id), nl=False)


def print_run(run: Run) -> None:
    """Print what people want to know of a run: its state first, and the reason if it has failed."""
    bakery, feedstock = (run.values.get(name, {}) for name in ("bakery", "feedstock"))
    end = run.completed_at
    output.print_fields(
        [
            *(("run", run.id), ("state", output.state(run)), ("recipe", run.recipe_id)),
            *(("feedstock", feedstock.get("spec")), ("bakery", bakery.get("name")), ("commit", run.head_sha)),
            *(("kind", "test" if run.is_test else "production"), ("started", run.started_at), ("completed", end)),
            ("took", output.duration((end - run.started_at).total_seconds()) if end and not run.time_problem else None),
            *(("dataset", run.dataset_public_url), ("job", run.external_id), ("job page", run.external_url)),
            *(("repeats run", run.rerun_of), ("message", None if run.failure else run.message)),
        ]
    )
    if failure := run.failure:
        reasons = [("class", failure.kind), ("cause", failure.cause), ("next step", failure.next_step)]
        facts = [("who", failure.who), ("evidence", failure.evidence), ("line", failure.line)]
        click.echo()
        output.print_fields([*reasons, *facts])


def _print_with_names(forge: Client, found: Iterable[Run]) -> None:
    """Print a table of runs with the names of their feedstocks and bakeries instead of the ids."""
    feedstocks = {each.id: each.spec for each in forge.feedstocks.list(include_retired=True)}
    bakeries = {each.id: each.name for each in forge.bakeries.list(include_retired=True)}
    rows: list[list[object]] = [
        [
            *(run.id, output.state(run), run.recipe_id, feedstocks.get(run.feedstock_id), bakeries.get(run.bakery_id)),
            *(run.is_test, run.started_at, run.completed_at),
        ]
        for run in found
    ]
    output.print_table(list(COLUMNS), [list(map(output.cell, row)) for row in rows])


def _print_rest(forge: Client, id: int, log: Log, as_json: bool) -> Log:
    """Print these lines of the log and all that follow. Return the last part of the log."""
    while True:
        for line in log.lines:
            if as_json:
                output.print_json(line.values)
            else:
                click.echo(f"{line.values['timestamp']} {line.level.upper():7} {output.clean(line.message)}")
        if log.next >= log.total:
            return log
        log = forge.runs.log(id, offset=log.next)
