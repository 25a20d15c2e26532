"""`flask datasets inspect`: describe datasets, and check their health."""

import logging
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from datetime import datetime, timedelta
from time import monotonic

import click
from flask.cli import with_appcontext
from marshmallow import ValidationError

from app.cli.command_errors import report_errors
from app.cli.tables import table
from app.database import revision
from app.database.columns import now
from app.extensions import db
from app.repr import inspector
from app.repr.inspector import Inspection
from app.repr.opener import opener
from app.schemas.dataset_inspections import FindingsSchema
from app.services import dataset_descriptions, datasets
from app.services.dataset_descriptions import Outcome, Task
from app.services.health import Found

logger = logging.getLogger(__name__)

SECONDS = 60  # for a dataset
CLAIM = timedelta(seconds=2 * SECONDS)  # the program is killed after SECONDS, and then the result is stored
IDLE = 1.0  # seconds without news until the command looks at the clock

Running = dict["Future[tuple[Inspection, float]]", Task]


@click.command()
@with_appcontext
@click.argument("ids", metavar="[ID]…", nargs=-1, type=click.IntRange(1))
@click.option("--stale", type=click.IntRange(0), metavar="HOURS", help="Only those not checked for this long.")
@click.option("--limit", type=click.IntRange(1), metavar="N", help="Inspect up to N datasets.")
@click.option("--concurrency", type=click.IntRange(1, 16), default=2, show_default=True, help="How many at once.")
@click.option("--time", "seconds", type=click.IntRange(1), metavar="SECONDS", help="Begin none after this long.")
@report_errors()
def inspect(ids: tuple[int, ...], stale: int | None, limit: int | None, concurrency: int, seconds: int | None) -> None:
    """Describe datasets, and check their health.

    An ID that no dataset has is an error. Without an ID the command inspects all datasets that are not withdrawn, those
    that wait longest first. Each is opened in a separate process for up to a minute, which takes up to 300 MB. The
    command is safe to interrupt and to run several times at once: no two inspect the same dataset. To go on where it
    was interrupted, repeat it with --stale.
    """
    revision.require()
    before = now() - timedelta(hours=stale or 0)
    known = [datasets.resolve(number, of_runs=False) for number in ids]
    for number in dataset_descriptions.withdrawn(known):
        click.echo(f"dataset {number} is withdrawn, so it is not inspected", err=True)
    queue = Queue(known or None, before, limit, monotonic() + seconds if seconds else None)
    outcomes: list[Outcome] = []
    with click.progressbar(length=queue.length(), label="datasets", show_pos=True) as progress:
        for outcome in _outcomes(queue, concurrency):
            outcomes.append(outcome)
            progress.update(1)
    for line in _summary(outcomes):
        click.echo(line)


class Queue:
    """The datasets to inspect: those of `ids`, or all, that were not checked since `before`, until `limit` or `end`."""

    def __init__(self, ids: list[int] | None, before: datetime, limit: int | None, end: float | None) -> None:
        self.ids, self.before, self.left, self.end = ids, before, limit, end

    def length(self) -> int:
        due = dataset_descriptions.count_due(self.ids, self.before)
        db.session.rollback()
        return due if self.left is None else min(due, self.left)

    def next(self) -> Task | None:
        """Claim a dataset and commit; None if there are no more."""
        if self.left == 0 or (self.end is not None and monotonic() >= self.end):
            return None
        task = dataset_descriptions.claim(self.ids, self.before, now() + CLAIM)
        db.session.commit()
        if task and self.left is not None:
            self.left -= 1
        return task


def _outcomes(queue: Queue, concurrency: int) -> Iterator[Outcome]:
    """Inspect up to `concurrency` datasets at once, and yield the outcome of each when it is stored."""
    running: Running = {}
    allows = opener().allows
    with ThreadPoolExecutor(concurrency) as pool:
        while True:
            while len(running) < concurrency and (task := queue.next()):
                running[pool.submit(_inspect, task, allows)] = task
            if not running:
                return
            done, _ = wait(running, timeout=IDLE, return_when=FIRST_COMPLETED)
            for future in done:
                yield _outcome(running.pop(future), future)


def _inspect(task: Task, allows: Callable[[str], bool]) -> tuple[Inspection, float]:
    started = monotonic()
    trusted = inspector.is_trusted(allows, task.url)
    found = inspector.inspect(task.url, task.dataset_type, trusted, SECONDS, task.snapshot_id)
    return found, monotonic() - started


def _outcome(task: Task, future: "Future[tuple[Inspection, float]]") -> Outcome:
    """Store the result of an inspection and commit. An unexpected error fails this dataset only, and is logged."""
    try:
        outcome = _store(task, *future.result())
        db.session.commit()
    except Exception:
        logger.exception("inspecting a dataset failed", extra={"dataset_id": task.id})
        db.session.rollback()
        outcome = _store(task, Inspection(task.dataset_type or inspector.KIND, "failed"), 0.0)
        db.session.commit()
    return outcome


def _store(task: Task, inspection: Inspection, seconds: float) -> Outcome:
    """Store what the program has shown. A store may have taken it over, so its output is checked."""
    error = inspection.error
    try:
        shown = FindingsSchema().load(inspection.results)
    except ValidationError:
        logger.warning("the results of an inspection are not valid", extra={"dataset_id": task.id})
        error, shown = "crashed", FindingsSchema().load({})
    if shown["description"] is None and error is None:
        error = "crashed"
    picture = shown.pop("picture")
    tried = "picture" in inspection.results and "error" not in (picture or {})
    drawn = picture is not None if tried else None
    found = Found(task.dataset_type, inspection.kind, error, **shown, has_picture=drawn, url=task.url)
    return dataset_descriptions.record(task, found, picture if drawn else None, round(seconds, 3))


def _summary(outcomes: list[Outcome]) -> Iterator[str]:
    """Yield the lines of a table: how many datasets are healthy, and why the others are not."""
    words = {True: "healthy", False: "unhealthy", None: "unknown"}
    counts = Counter((words[outcome.healthy], outcome.reason) for outcome in outcomes)
    rows = [[verdict, str(count), reason] for (verdict, reason), count in sorted(counts.items())]
    yield from table(["verdict", "datasets", "reason"], [*rows, ["total", str(len(outcomes)), ""]])
