"""`flask feedstocks …`: manage feedstocks."""

import sys
from functools import partial
from pathlib import Path
from typing import Any

import click
from flask.cli import AppGroup
from werkzeug.exceptions import BadRequest

from app.cli.command_errors import report_errors
from app.cli.feedstock_files import read_text, take
from app.database import revision
from app.extensions import db
from app.models import Feedstock
from app.models.feedstocks import is_name, repository
from app.services import catalogue_import, records
from app.services.catalogue_import import Imported
from app.services.feedstock_files import merged
from app.services.feedstock_merge import merge as merge_feedstocks
from app.services.yaml_documents import Notes, read

feedstocks = AppGroup("feedstocks", help="Manage feedstocks.")

ID = click.IntRange(1)
NAMES = ("meta.yaml", "catalog.yaml")
PATH: Any = click.Path(exists=True, path_type=Path)


@feedstocks.command()
@click.argument("kept", metavar="A", type=ID)
@click.argument("deleted", metavar="B", type=ID)
@report_errors()
def merge(kept: int, deleted: int) -> None:
    """Merge feedstock B into feedstock A.

    A and B are ids. The runs of B, with their history, become runs of A. The name of B becomes an alias of A, and B is
    deleted. The command also works before `flask db upgrade`, which stops if two feedstocks are the same repository.
    """
    merged = merge_feedstocks(kept, deleted)
    db.session.commit()
    runs = "1 run" if merged.runs == 1 else f"{merged.runs} runs"
    click.echo(f"Merged feedstock {deleted} ({merged.deleted}) into feedstock {kept} ({merged.kept}): moved {runs}.")
    for number, url in merged.links:
        click.echo(f"The kept feedstock had the same dataset as the link {number}, which is not listed any more: {url}")
    if not merged.audited:
        click.echo("This database has no audit log yet, so keep this output.")


@feedstocks.command()
@click.argument("feedstock")
@click.argument("paths", nargs=-1, required=True, type=PATH, metavar="PATH...")
@click.option("--datasets", is_flag=True, help="Also add a dataset for each of the `stores` in catalog.yaml.")
@report_errors()
def describe(feedstock: str, paths: tuple[Path, ...], datasets: bool) -> None:
    """Describe a feedstock by its files.

    FEEDSTOCK is an id, or owner/name, which is created if it does not exist. A PATH is a meta.yaml, a catalog.yaml, or
    a folder that contains them, such as a checkout of the feedstock. The metadata that the feedstock had are replaced.
    What is unusable is printed on standard error, a line for each value.
    """
    revision.require()
    files = [file for path in paths for file in _files(path)]
    if not files:
        raise click.ClickException(f"There is no {' or '.join(NAMES)} in {', '.join(map(str, paths))}.")
    spec = _spec(feedstock)
    if take(spec, "[1/1]", partial(_describe, spec, files, datasets)) is None:
        sys.exit(1)


@feedstocks.command("describe-all")
@click.argument("folder", type=PATH)
@click.option("--datasets", is_flag=True, help="Also add a dataset for each of the `stores` in catalog.yaml.")
@report_errors()
def describe_all(folder: Path, datasets: bool) -> None:
    """Describe all feedstocks of a folder.

    FOLDER contains OWNER/NAME/meta.yaml, or OWNER/NAME/feedstock/meta.yaml, for each feedstock. Feedstocks that do not
    exist are created. The command prints a line for each feedstock, and is safe to interrupt and to repeat. The exit
    code is 1 if the files of a feedstock are unusable.
    """
    revision.require()
    found = {f"{path.parent.name}/{path.name}": _files(path) for path in sorted(folder.glob("*/*/"))}
    found = {spec: files for spec, files in found.items() if files}
    results = [
        take(spec, f"[{number}/{len(found)}]", partial(_describe, spec, files, datasets))
        for number, (spec, files) in enumerate(found.items(), 1)
    ]
    if None in results or not results:
        raise click.ClickException(f"{results.count(None)} of {len(results)} feedstocks were not described.")


def _files(path: Path) -> list[Path]:
    if path.is_file():
        return [path]
    places = [place / name for place in (path, path / "feedstock") for name in NAMES]
    return [place for place in places if place.is_file()]


def _spec(feedstock: str) -> str:
    """The name of the feedstock with that id or name. Raises 404 if there is no such id."""
    if feedstock.isdecimal():
        return records.get(Feedstock, int(feedstock)).spec
    if not is_name(feedstock):
        raise click.ClickException(f"{feedstock} is not a repository on GitHub, such as pangeo-forge/gpcp-feedstock.")
    return repository(feedstock) or feedstock


def _describe(spec: str, files: list[Path], datasets: bool, notes: Notes) -> Imported:
    documents: list[Any] = []
    for file in files:
        try:
            documents += read(read_text(file), notes)
        except BadRequest as error:
            raise BadRequest(f"{file}: {error.description}") from None
    return catalogue_import.load(merged(documents, notes), spec, notes, stores=datasets)
