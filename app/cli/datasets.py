"""`flask datasets …`: manage datasets."""

from functools import partial
from pathlib import Path
from typing import Any

import click
import orjson
from flask.cli import AppGroup

from app.cli.command_errors import report_errors
from app.cli.dataset_inspection import inspect
from app.cli.feedstock_files import read_text, take
from app.database import revision
from app.database.names import lower
from app.services import catalogue_import, search_documents
from app.services.catalogue_import import Imported
from app.services.yaml_documents import Notes

datasets = AppGroup("datasets", help="Manage datasets.")
datasets.add_command(inspect)


@datasets.command()
@click.option("--all", "everything", is_flag=True, help="Index all datasets, not only those that have changed.")
@report_errors()
def index(everything: bool) -> None:
    """Index the texts by which datasets are found.

    A search indexes up to 1000 changed datasets by itself. Run the command after a change of more: an import of a large
    catalogue, or the upgrade of a large database. It is safe to interrupt and to repeat.
    """
    revision.require()
    if everything:
        search_documents.note_all()
    click.echo(f"Indexed {search_documents.index_changed()} datasets.")


@datasets.command("import")
@click.argument("file", type=click.Path(path_type=Path))
@report_errors()
def import_catalogue(file: Path) -> None:
    """Import the catalogue of a federation.

    FILE is JSON: a list of entries, each the content of the `meta.yaml` and `catalog.yaml` of a feedstock. An entry
    makes a feedstock, its metadata, and a dataset for each of its stores. The command prints a line for each entry, and
    on standard error a line for each value that is unusable. It is safe to interrupt and to repeat: each entry is a
    transaction, and a second import changes nothing. The exit code is 1 if an entry was ignored.
    """
    revision.require()
    entries = _entries(file)
    done: set[str] = set()
    results = [
        take(f"entry {number}", f"[{number}/{len(entries)}]", partial(_load, entry, done))
        for number, entry in enumerate(entries, 1)
    ]
    imported = [result for result in results if result]
    added, changed = sum(result.added for result in imported), sum(result.changed for result in imported)
    same = sum(result.unchanged for result in imported)
    click.echo(f"{len(imported)} entries. Datasets: {added} added, {changed} changed, {same} unchanged.")
    if ignored := len(results) - len(imported):
        raise click.ClickException(f"{ignored} of {len(entries)} entries were ignored.")


def _load(entry: Any, done: set[str], notes: Notes) -> Imported | None:
    """Import an entry. `done` are the feedstocks of the entries before, in lower case."""
    if not isinstance(entry, dict):
        notes.append({"path": "", "reason": "the entry is not an object"})
        return None
    spec = catalogue_import.feedstock_of(entry, notes)
    if spec is None:
        return None
    if again := lower(spec) in done:
        notes.append({"path": "", "reason": "another entry describes this feedstock; only the stores are taken"})
    done.add(lower(spec))
    return catalogue_import.load(entry, spec, notes, describe=not again)


def _entries(file: Path) -> list[Any]:
    try:
        content = orjson.loads(read_text(file))
    except orjson.JSONDecodeError as error:
        raise click.ClickException(f"{file} is not valid JSON: {error}.") from None
    return content if isinstance(content, list) else [content]
