"""`flask runs …`: look after recipe runs."""

from collections import Counter
from datetime import timedelta

import click
from flask.cli import AppGroup
from sqlalchemy import select

from app.cli.guards import sentences
from app.database import revision
from app.database.columns import now
from app.extensions import db
from app.models import Bakery
from app.services import audit, reaper, run_counts

runs = AppGroup("runs", help="Look after recipe runs.")


@runs.command()
@click.argument("bakery")
@click.argument("minutes", type=click.IntRange(1, 525_600), required=False)
@sentences()
def timeout(bakery: str, minutes: int | None) -> None:
    """Say for how many MINUTES a run may be in progress in BAKERY; without MINUTES, for a week as elsewhere."""
    revision.require()
    record = db.session.scalar(select(Bakery).filter_by(name=bakery))
    if record is None:
        raise click.ClickException(f"There is no bakery {bakery!r}.")
    record.timeout_minutes = minutes
    audit.add("set_timeout", "bakeries", record.id, details={"timeout_minutes": minutes})
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
@sentences()
def reap(dry_run: bool, older_than: int) -> None:
    """End runs that nobody will: queued for too long are stale, in progress for too long are timed out.

    `flask runs timeout` says how long a run may be in progress in a bakery, a week otherwise. It is safe to interrupt
    this, to run it again and to run it twice at once: runs are ended a few hundred at a time.
    """
    revision.require()
    outcomes: Counter[str] = Counter()
    with click.progressbar(length=reaper.count_unfinished(), label="unfinished runs") as progress:
        for verdicts in reaper.reap(now(), timedelta(days=older_than), dry_run):
            if ended := sum(verdict.conclusion is not None for verdict in verdicts if not dry_run):
                audit.add("reap", "recipe_runs", details={"count": ended})
            db.session.commit()
            progress.update(len(verdicts))
            outcomes.update(f"{verdict.status} -> {verdict.conclusion or 'left alone'}" for verdict in verdicts)
    for outcome, count in [*sorted(outcomes.items()), ("total", outcomes.total())]:
        click.echo(f"{outcome:<28}{count:>8}")
    if dry_run:
        click.echo("Nothing was changed (--dry-run).")


@runs.command()
@sentences()
def recount() -> None:
    """See whether the counts kept by triggers agree with the runs, and mend them if they do not.

    Meanwhile nobody else writes runs.
    """
    revision.require()
    wrong = run_counts.recount()
    db.session.commit()
    click.echo(f"Mended {wrong} of the counts." if wrong else "The counts agree with the runs.")
