"""`flask runs …`: manage recipe runs."""

from collections import Counter
from datetime import timedelta

import click
from flask.cli import AppGroup
from sqlalchemy import select

from app.cli.command_errors import report_errors
from app.database import revision
from app.database.columns import now
from app.database.names import normal
from app.extensions import db
from app.models import Bakery
from app.services import audit, dataset_repair, failures, reaper, run_counts

runs = AppGroup("runs", help="Manage recipe runs.")


@runs.command()
@click.argument("bakery")
@click.argument("minutes", type=click.IntRange(1, 525_600), required=False)
@report_errors()
def timeout(bakery: str, minutes: int | None) -> None:
    """Set how long a run may be in progress.

    BAKERY is the name of the bakery. Without MINUTES the limit is a week.
    """
    revision.require()
    record = db.session.scalar(select(Bakery).filter_by(name=normal(bakery)))
    if record is None:
        raise click.ClickException(f"bakery {bakery!r} not found")
    record.timeout_minutes = minutes
    audit.add("set_timeout", "bakeries", record.id, details={"timeout_minutes": minutes})
    db.session.commit()
    click.echo(f"A run may be in progress in {bakery} for {f'{minutes} minutes' if minutes else 'a week'}.")


@runs.command()
@click.option("--dry-run", is_flag=True, help="Show what the command would do, without changing anything.")
@click.option(
    "--older-than",
    type=click.IntRange(0, 36_500),
    default=reaper.QUEUED_LIMIT.days,
    show_default=True,
    metavar="DAYS",
    help="How many days a run may be queued.",
)
@report_errors()
def reap(dry_run: bool, older_than: int) -> None:
    """End stuck runs.

    Runs that are queued for too long become stale. Runs that are in progress for too long become timed out: the limit
    is a week, or the limit of the bakery (`flask runs timeout`). The command is safe to interrupt, to repeat and to run
    several times at once: it ends up to 500 runs in a transaction.
    """
    revision.require()
    outcomes: Counter[str] = Counter()
    with click.progressbar(length=reaper.count_unfinished(), label="unfinished runs") as progress:
        for verdicts in reaper.reap(now(), timedelta(days=older_than), dry_run):
            if ended := sum(verdict.conclusion is not None for verdict in verdicts if not dry_run):
                audit.add("reap", "recipe_runs", details={"count": ended})
            db.session.commit()
            progress.update(len(verdicts))
            outcomes.update(f"{verdict.status} -> {verdict.conclusion or 'unchanged'}" for verdict in verdicts)
    for outcome, count in [*sorted(outcomes.items()), ("total", outcomes.total())]:
        click.echo(f"{outcome:<28}{count:>8}")
    if dry_run:
        click.echo("Nothing was changed (--dry-run).")


@runs.command()
@report_errors()
def recount() -> None:
    """Check and correct the counts of runs and the datasets.

    Triggers of the database update these. No other program can write runs until the command ends.
    """
    revision.require()
    wrong, wrong_datasets = run_counts.recount(), dataset_repair.repair()
    db.session.commit()
    click.echo(f"Corrected {wrong} of the counts." if wrong else "The counts agree with the runs.")
    if wrong_datasets:
        click.echo(f"Corrected {wrong_datasets} datasets." if wrong_datasets > 1 else "Corrected one dataset.")


@runs.command()
@click.option("--all", "everything", is_flag=True, help="Explain all failed runs again, by the rules of this release.")
@report_errors()
def explain(everything: bool) -> None:
    """Find out why runs failed.

    The service explains a run when it fails. The command explains those that failed before the upgrade to this release,
    and those that other programs have stored. It is safe to interrupt, to repeat and to run several times at once.
    """
    revision.require()
    counts: Counter[str] = Counter()
    with click.progressbar(length=failures.count_to_explain(everything), label="failed runs") as progress:
        for batch in failures.explain(everything):
            db.session.commit()
            progress.update(batch.total())
            counts += batch
    for name, count in [*counts.most_common(), ("total", counts.total())]:
        click.echo(f"{name:<28}{count:>8}")
