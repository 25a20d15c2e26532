"""`pangeo-forge runs start` and `report`: for scripts that run recipes."""

from __future__ import annotations

import json
import os
from collections import deque
from collections.abc import Iterable
from typing import Any

import click

from pangeo_forge_client.command import options, output
from pangeo_forge_client.command.runs import COLUMNS

SECRET_VARIABLE = "PANGEO_FORGE_WEBHOOK_SECRET"
LOG_MAX = 900_000  # bytes of a log in JSON; the service keeps the newest mebibyte, and accepts as much in a request
LINE_MAX = 50_000  # characters; a line of a progress bar may be long
CUT = "[The log is longer. These are its last lines.]\n"


@click.command()
@click.option("--feedstock", required=True, help="Its id or owner/name.")
@click.option("--bakery", required=True, help="Its id or name.")
@click.option("--recipe", "recipe_id", required=True, help="The id of the recipe in its feedstock.")
@click.option("--commit", "head_sha", required=True, help="The commit of the feedstock that runs.")
@click.option("--version", default="", help="The version of the feedstock.")
@click.option("--test", "is_test", is_flag=True, help="It is a test on a subset of the data.")
@click.option("--queued", is_flag=True, help="It waits. By default it is in progress.")
@click.option("--dataset-type", help="Such as zarr.")
@click.option("--external-id", help="The id that its runner gives it. Then the command is safe to repeat.")
@click.option("--external-url", help="The page of its runner about it.")
@options.as_json
@options.service
def start(feedstock: str, bakery: str, queued: bool, external_id: str | None, as_json: bool, **fields: Any) -> None:
    """Create a run, and print its id. With --json, print the run."""
    forge = options.client()
    status = "queued" if queued else "in_progress"
    values: dict[str, Any] = {"feedstock_id": forge.feedstocks.get(feedstock).id, "status": status} | _given(fields)
    bakery_id = forge.bakeries.get(bakery).id
    if external_id:
        run = forge.runs.report(bakery_id, external_id=external_id, secret=_secret(), **values)
    else:
        run = forge.runs.create(bakery_id=bakery_id, **values)
    if as_json:
        output.print_json(run.values)
    else:
        click.echo(run.id)


@click.command()
@click.argument("id", type=int, required=False)
@click.option("--bakery", help="The id or name of its bakery. Required with --external-id.")
@click.option("--external-id", help="The id that its runner gave it, instead of ID or in addition to it.")
@click.option("--external-url", help="The page of its runner about it.")
@click.option("--status", help="queued, in_progress or completed.")
@click.option("--conclusion", help="Such as success, failure, cancelled or timed_out. It completes the run.")
@click.option("--message", help="A text, such as a traceback.")
@click.option("--log", "log", type=click.File("rb"), help="A file to add to its log, or - for standard input.")
@click.option("--dataset-url", "dataset_public_url", help="The public url of the dataset.")
@click.option("--dataset-type", help="Such as zarr.")
@click.option("--snapshot", "snapshot_id", help="The snapshot of Icechunk that it has committed.")
@click.option("--feedstock", help="To create an unknown run: owner/name.")
@click.option("--recipe", "recipe_id", help="To create an unknown run: the id of the recipe.")
@click.option("--commit", "head_sha", help="To create an unknown run: the commit of the feedstock.")
@click.option("--version", help="To create an unknown run: the version of the feedstock.")
@click.option("--test/--production", "is_test", default=None, help="To create an unknown run: its kind.")
@click.option("--idempotency-key", help="The same key twice is one report, so its log is added once.")
@options.as_json
@options.service
def report(id: int | None, bakery: str | None, log: Any, as_json: bool, **fields: Any) -> None:
    """Report the state of run ID, or of the run with --external-id.

    Reports may be late: one about an earlier status than that of the run sets only fields that have no value yet.

    With PANGEO_FORGE_WEBHOOK_SECRET, the webhook secret of the bakery, the report is signed and needs no API key.
    """
    if id is None and not (bakery and fields["external_id"]):
        raise click.UsageError("Give the ID of the run, or --bakery and --external-id.")
    forge = options.client()
    bakery_id = forge.bakeries.get(bakery).id if bakery else forge.runs.get(id or 0).bakery_id
    text = _end_of(log) if log else None
    run = forge.runs.report(bakery_id, run_id=id, log=text, secret=_secret(), **_given(fields))
    output.print_record(run, COLUMNS, as_json)


def _secret() -> str | None:
    return os.environ.get(SECRET_VARIABLE) or None


def _given(fields: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value is not None}


def _end_of(log: Iterable[bytes]) -> str:
    """The log, or the last lines of it that fit into a request. The rest of it is not kept in memory."""
    lines: deque[str] = deque()
    size, is_whole = 0, True
    for line in log:
        lines.append(line.decode(errors="replace")[-LINE_MAX:])
        size += _size(lines[-1])
        while size > LOG_MAX:
            size -= _size(lines.popleft())
            is_whole = False
    return "".join(lines) if is_whole else CUT + "".join(lines)


def _size(line: str) -> int:
    """The bytes of a line in JSON, in which a character has up to twelve."""
    return len(json.dumps(line)) - 2
