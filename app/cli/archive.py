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

from app.cli.guards import sentences
from app.database import revision
from app.extensions import db
from app.services import archive


@click.command()
@click.argument("file", default="-", type=click.Path(dir_okay=False, allow_dash=True))
@with_appcontext
@sentences()
def export(file: str) -> None:
    """Write the whole database to FILE, or to standard output: NDJSON, for `flask import`.

    It is the database of one moment, though others go on writing. FILE is there once it is complete.
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
@sentences()
def import_(file: IO[bytes]) -> None:
    """Read FILE, or standard input, as `flask export` wrote it, into an empty database of the same revision.

    All of it or nothing.
    """
    connection = db.session.connection()
    at = revision.exact_revision(connection)
    with click.progressbar(file, label="Importing lines", show_pos=True, file=sys.stderr) as lines:
        rows = archive.load(connection, lines, at)
    db.session.commit()
    click.echo(f"Imported {rows} rows.", err=True)


@contextmanager
def output(name: str) -> Iterator[IO[bytes]]:
    """Standard output for `-`, else a file that takes its name, and the place of another, once it is complete."""
    if name == "-":
        yield sys.stdout.buffer
        return
    path = Path(name).resolve()
    if path.exists() and not path.is_file():
        raise click.ClickException(f"{name} is not a file.")
    # For its owner alone, as temporary files are: there are digests of API keys in it.
    with NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.", delete=False) as stream:
        try:
            yield stream
            stream.flush()
            os.fsync(stream.fileno())
            os.replace(stream.name, path)
        except BaseException:
            os.unlink(stream.name)
            raise
