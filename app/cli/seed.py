"""`flask seed`."""

import click
from flask import current_app
from flask.cli import with_appcontext

from app.cli.errors import report_errors
from app.database import revision
from app.extensions import db
from app.services import audit, examples


@click.command()
@with_appcontext
@report_errors()
def seed() -> None:
    """Load a small example catalogue.

    The command does nothing if the database has records.
    """
    revision.require()
    added = examples.load(current_app.config["ENCRYPTION_SALT"])
    if added:
        audit.add("seed", "catalogue", details=added)
    db.session.commit()
    counts = ", ".join(f"{count} {kind}" for kind, count in added.items())
    click.echo(f"Loaded the example catalogue: {counts}." if added else "The database has records. Nothing was loaded.")
