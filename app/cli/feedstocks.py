"""`flask feedstocks …`: manage feedstocks."""

import click
from flask.cli import AppGroup

from app.cli.errors import report_errors
from app.extensions import db
from app.services.feedstock_merge import merge as merge_feedstocks

feedstocks = AppGroup("feedstocks", help="Manage feedstocks.")

ID = click.IntRange(1)


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
    if not merged.audited:
        click.echo("This database has no audit log yet, so keep this output.")
