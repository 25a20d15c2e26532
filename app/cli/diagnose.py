"""`flask doctor`."""

import sys

import click
from flask.cli import with_appcontext

from app.ops import doctor


@click.command("doctor")
@with_appcontext
def examine() -> None:
    """Check configuration, database, migrations and clock; say what is wrong, with exit code 1 if anything is."""
    reports = list(doctor.examine())
    for name, sentence, well in reports:
        click.echo(f"{'ok' if well else 'PROBLEM':<8}{name:<15}{sentence}")
    sys.exit(0 if all(well for *_, well in reports) else 1)
