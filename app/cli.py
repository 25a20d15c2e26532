"""Commands beside Flask's own and `flask db`."""

import os
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import IO, Any, cast

import click
from flask import Flask
from flask.cli import AppGroup, with_appcontext
from sqlalchemy import CursorResult, delete, select
from sqlalchemy.exc import OperationalError
from werkzeug.exceptions import ServiceUnavailable

from app import readiness
from app.extensions import db
from app.models import Bakery, IdempotencyKey
from app.models.columns import now
from app.models.idempotency_keys import LIFETIME
from app.services import archive, examples, reaper, run_counts


def init_app(app: Flask) -> None:
    app.cli.add_command(seed)
    app.cli.add_command(runs)
    app.cli.add_command(idempotency)
    app.cli.add_command(export)
    app.cli.add_command(import_)


@click.command()
@with_appcontext
def seed() -> None:
    """Load a small example catalogue into an empty database; any other is left alone."""
    require_database()
    added = examples.load()
    db.session.commit()
    counts = ", ".join(f"{count} {kind}" for kind, count in added.items())
    click.echo(f"Loaded the example catalogue: {counts}." if added else "The database has records; nothing to do.")


runs = AppGroup("runs", help="Look after recipe runs.")


@runs.command()
@click.argument("bakery")
@click.argument("minutes", type=click.IntRange(1, 525_600), required=False)
def timeout(bakery: str, minutes: int | None) -> None:
    """Say for how many MINUTES a run may be in progress in BAKERY; without MINUTES, for a week as elsewhere."""
    require_database()
    record = db.session.scalar(select(Bakery).filter_by(name=bakery))
    if record is None:
        raise click.ClickException(f"There is no bakery {bakery!r}.")
    record.timeout_minutes = minutes
    db.session.commit()
    click.echo(f"A run may be in progress in {bakery} for {f'{minutes} minutes' if minutes else 'a week'}.")


@runs.command()
@click.option("--dry-run", is_flag=True, help="Say what would be done, and do nothing.")
@click.option(
    "--older-than",
    type=click.IntRange(0, 36_500),
    default=reaper.QUEUED_LIMIT.days,
    show_default=True,
    metavar="DAYS",
    help="How long a run may be queued.",
)
def reap(dry_run: bool, older_than: int) -> None:
    """End runs that nobody will: queued for too long are stale, in progress for too long are timed out.

    `flask runs timeout` says how long a run may be in progress in a bakery, a week otherwise. It is safe to interrupt
    this, to run it again and to run it twice at once: runs are ended a few hundred at a time.
    """
    require_database()
    outcomes: Counter[str] = Counter()
    with click.progressbar(length=reaper.count_unfinished(), label="unfinished runs") as progress:
        for verdicts in reaper.reap(now(), timedelta(days=older_than), dry_run):
            db.session.commit()
            progress.update(len(verdicts))
            outcomes.update(f"{verdict.status} -> {verdict.conclusion or 'left alone'}" for verdict in verdicts)
    for outcome, count in [*sorted(outcomes.items()), ("total", outcomes.total())]:
        click.echo(f"{outcome:<28}{count:>8}")
    if dry_run:
        click.echo("Nothing was changed (--dry-run).")


@runs.command()
def recount() -> None:
    """See whether the counts kept by triggers agree with the runs, and mend them if they do not.

    Meanwhile nobody else writes runs.
    """
    require_database()
    with sentences():
        wrong = run_counts.recount()
        db.session.commit()
    click.echo(f"Mended {wrong} of the counts." if wrong else "The counts agree with the runs.")


idempotency = AppGroup("idempotency", help="Look after the answers kept for Idempotency-Key.")


@idempotency.command()
def purge() -> None:
    """Forget the answers that are older than 24 hours."""
    require_database()
    expired = delete(IdempotencyKey).where(IdempotencyKey.created_at < now() - LIFETIME)
    count = cast("CursorResult[Any]", db.session.execute(expired)).rowcount
    db.session.commit()
    click.echo(f"Forgot {count} answers.")


@click.command()
@click.argument("file", default="-", type=click.Path(dir_okay=False, allow_dash=True))
@with_appcontext
def export(file: str) -> None:
    """Write the whole database to FILE, or to standard output: NDJSON, for `flask import`.

    It is the database of one moment, though others go on writing. FILE is there once it is complete.
    """
    with output(file) as stream, sentences(), archive.snapshot() as connection:
        revision = readiness.exact_revision(connection)
        rows = archive.count(connection)
        lines = archive.export(connection, revision)
        with click.progressbar(lines, rows, label=f"Exporting {rows} rows", file=sys.stderr) as progress:
            stream.writelines(progress)


@click.command("import")
@click.argument("file", default="-", type=click.File("rb"))
@with_appcontext
def import_(file: IO[bytes]) -> None:
    """Read FILE, or standard input, as `flask export` wrote it, into an empty database of the same revision.

    All of it or nothing.
    """
    with sentences():
        connection = db.session.connection()
        revision = readiness.exact_revision(connection)
        with click.progressbar(file, label="Importing lines", show_pos=True, file=sys.stderr) as lines:
            rows = archive.load(connection, lines, revision)
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


@contextmanager
def sentences() -> Iterator[None]:
    """End the command with a sentence where there is one for what went wrong."""
    try:
        yield
    except ServiceUnavailable as error:
        raise click.ClickException(str(error.description)) from None
    except OperationalError as error:
        raise click.ClickException(f"The database does not answer: {error.orig}") from None
    except archive.ArchiveError as error:
        raise click.ClickException(str(error)) from None


def require_database() -> None:
    """Stop with a sentence if the database does not answer or is not the one this release needs."""
    with sentences():
        readiness.require()
