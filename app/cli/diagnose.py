"""`flask doctor`."""

import sys

import click
from flask.cli import with_appcontext

from app.ops import doctor


@click.command("doctor")
@with_appcontext
def examine() -> None:
    """Check the installation.

    The checks are about the configuration, the database, its revision, the clock and the storage. The exit code is 1 if
    a check fails.
    """
    reports = list(doctor.examine())
    for name, sentence, passed in reports:
        click.echo(f"{'ok' if passed else 'PROBLEM':<8}{name:<15}{sentence}")
    sys.exit(0 if all(passed for *_, passed in reports) else 1)
