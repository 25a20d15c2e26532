"""`flask export` and `flask import`."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import IO

import click
from flask.cli import with_appcontext

from app.cli.command_errors import report_errors
from app.database import revision
from app.extensions import db
from app.services import archive


@click.command()
@click.argument("file", default="-", type=click.Path(dir_okay=False, allow_dash=True))
@with_appcontext
@report_errors()
def export(file: str) -> None:
    """Export the whole database as NDJSON.

    The export goes to FILE or standard output, and `flask import` reads it. It is a snapshot: the service can go on
    writing. FILE appears when the export is complete.
    """
    with output(file) as stream, archive.snapshot() as connection:
        at = revision.exact_revision(connection)
        rows = archive.count(connection)
        lines = archive.export(connection, at)
        with click.progressbar(lines, rows, label=f"Exporting {rows} rows", file=sys.stderr) as progress:
            stream.writelines(progress)


@click.command("import")
@click.argument("file", default="-", type=click.File("rb"))
@with_appcontext
@report_errors()
def import_(file: IO[bytes]) -> None:
    """Import an export into an empty database.

    The export comes from FILE or standard input. Its database must have had the revision of this one. The import is one
    transaction: if it fails, the database remains empty.
    """
    connection = db.session.connection()
    at = revision.exact_revision(connection)
    with click.progressbar(file, label="Importing lines", show_pos=True, file=sys.stderr) as lines:
        rows = archive.load(connection, lines, at)
    db.session.commit()
    click.echo(f"Imported {rows} rows.", err=True)


@contextmanager
def output(name: str) -> Iterator[IO[bytes]]:
    """Yield standard output for `-`, else a temporary file that is renamed to `name` when it is complete."""
    if name == "-":
        yield sys.stdout.buffer
        return
    path = Path(name).resolve()
    if path.exists() and not path.is_file():
        raise click.ClickException(f"{name} is not a file.")
    if not os.access(path.parent, os.W_OK | os.X_OK):
        raise click.ClickException(f"{path.parent} is not a folder in which the export can be written.")
    # Only its owner can read a temporary file: an export contains digests of API keys.
    with NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.", delete=False) as stream:
        try:
            yield stream
            stream.flush()
            os.fsync(stream.fileno())
            os.replace(stream.name, path)
        except BaseException:
            os.unlink(stream.name)
            raise
