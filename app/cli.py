"""Commands beside Flask's own and `flask db`."""

import click
from flask import Flask
from flask.cli import with_appcontext
from sqlalchemy.exc import OperationalError
from werkzeug.exceptions import ServiceUnavailable

from app import readiness
from app.extensions import db
from app.services import examples


def init_app(app: Flask) -> None:
    app.cli.add_command(seed)


@click.command()
@with_appcontext
def seed() -> None:
    """Load a small example catalogue into an empty database; any other is left alone."""
    try:
        readiness.require()
    except ServiceUnavailable as error:
        raise click.ClickException(str(error.description)) from None
    except OperationalError as error:
        raise click.ClickException(f"The database does not answer: {error.orig}") from None
    added = examples.load()
    db.session.commit()
    counts = ", ".join(f"{count} {kind}" for kind, count in added.items())
    click.echo(f"Loaded the example catalogue: {counts}." if added else "The database has records; nothing to do.")
