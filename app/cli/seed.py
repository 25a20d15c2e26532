"""`flask seed`."""

import click
from flask.cli import with_appcontext

from app.cli.guards import require_database
from app.extensions import db
from app.services import examples


@click.command()
@with_appcontext
def seed() -> None:
    """Load a small example catalogue into an empty database; any other is left alone."""
    require_database()
    added = examples.load()
    db.session.commit()
    counts = ", ".join(f"{count} {kind}" for kind, count in added.items())
    click.echo(f"Loaded the example catalogue: {counts}." if added else "The database has records; nothing to do.")
