"""The sums of runs as the database keeps them, and as plain Python computes them from the runs."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from itertools import product

from sqlalchemy import inspect, select

from app.extensions import db
from app.models import RecipeRun, RunsOfDuration, RunsOfFailure, RunsOfPeriod

RUN = ("bakery_id", "feedstock_id", "started_at", "completed_at", "is_test", "status", "conclusion", "failure_class")
MONDAY = datetime(1, 1, 1, tzinfo=UTC)


def exact():
    """Whether the sums are those of the runs, in a database that has sums."""
    return not inspect(db.session.connection()).has_table(RunsOfPeriod.__tablename__) or kept() == computed()


def kept():
    """The kept sums that are not zero."""
    kinds = {
        RunsOfPeriod: ("bakery_id", "feedstock_id", "days", "period", "is_test", "status", "conclusion"),
        RunsOfDuration: ("bakery_id", "feedstock_id", "days", "period", "is_test", "seconds"),
        RunsOfFailure: ("bakery_id", "feedstock_id", "days", "period", "is_test", "failure_class"),
    }
    sums = Counter()
    for model, names in kinds.items():
        for *kind, runs in db.session.execute(select(*(getattr(model, name) for name in names), model.runs)):
            sums[model.__tablename__, *kind] += runs
    return {kind: runs for kind, runs in sums.items() if runs}


def computed():
    """The sums of the runs."""
    sums = Counter()
    for bakery, feedstock, start, end, is_test, status, conclusion, failure_class in db.session.execute(
        select(*(getattr(RecipeRun, name) for name in RUN))
    ):
        day = (start - MONDAY).days
        timed = conclusion in ("success", "failure") and end and end >= start and start.year >= 2000
        for in_bakery, in_feedstock, days in product((0, bakery), (0, feedstock), (1, 7, 112, 1792)):
            of = in_bakery, in_feedstock, days, day // days, is_test
            if days == 7 or (days == 1 and not in_feedstock):
                sums[RunsOfPeriod.__tablename__, *of, status, conclusion] += 1
            if timed and (days in (7, 112) or (days == 1 and not in_feedstock)):
                sums[RunsOfDuration.__tablename__, *of, middle((end - start) // timedelta(seconds=1))] += 1
            if failure_class and (in_feedstock or in_bakery) and (days > 1 or not in_feedstock):
                sums[RunsOfFailure.__tablename__, *of, failure_class] += 1
    return dict(sums)


def middle(seconds):
    """The middle of the bucket of a duration."""
    step = 2 ** max(seconds.bit_length() - 7, 0)
    return seconds // step * step + step // 2
