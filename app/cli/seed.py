"""`flask seed`."""

from datetime import UTC, datetime

import click
from flask import current_app
from flask.cli import with_appcontext

from app.cli.command_errors import report_errors
from app.database import revision
from app.database.columns import now
from app.extensions import db
from app.services import audit, examples


@click.command()
@with_appcontext
@click.option("--address", metavar="URL", help="Where the service runs, by default PUBLIC_URL.")
@click.option(
    "--until",
    type=click.DateTime(["%Y-%m-%dT%H:%M:%SZ"]),
    metavar="TIME",
    help="The end of the two weeks of the examples, such as 2026-03-16T12:38:00Z, by default now.",
)
@report_errors()
def seed(address: str | None, until: datetime | None) -> None:
    """Load a small example catalogue.

    The command does nothing if the database has records; it says so if these are examples of another day. With the
    address of the service, the datasets of the examples are small ones that the service has itself, so that they can be
    opened.
    """
    revision.require()
    config = current_app.config
    address = address or config["PUBLIC_ORIGIN"] + config["PUBLIC_PREFIX"]
    end = until.replace(tzinfo=UTC) if until else now()
    added = examples.load(config["ENCRYPTION_SALT"], end, address.rstrip("/"))
    if added:
        audit.add("seed", "catalogue", details=added)
    db.session.commit()
    counts = ", ".join(f"{count} {kind}" for kind, count in added.items())
    click.echo(f"Loaded the example catalogue: {counts}." if added else _nothing_loaded())


def _nothing_loaded() -> str:
    """Return a sentence, and another one if the examples are of another day, on which their pages looked better."""
    sentence, loaded_at = "The database has records. Nothing was loaded.", examples.loaded_at()
    if loaded_at is None or loaded_at.date() == now().date():
        return sentence
    url = db.engine.url
    how = f"delete {url.database}" if url.get_backend_name() == "sqlite" else "use an empty database"
    return f"{sentence} The examples are of {loaded_at:%Y-%m-%d}: {how} to get those of today."
