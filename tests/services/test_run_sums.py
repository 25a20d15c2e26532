"""Statistics from sums equal those of plain Python for any time and any filters; percentiles are within a percent."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from itertools import product
from math import ceil
from random import Random

import pytest
from sqlalchemy import insert, literal, select

from app.extensions import db
from app.models import RecipeRun
from app.models.run_periods import LONG, MONDAY, WEEK
from app.models.run_sums import EXACT, bucket
from app.services import failure_counts, run_durations, stats
from app.services.run_sums import RunSelection
from tests.services.test_stats import about
from tests.support.factories import make_bakery, make_feedstock
from tests.support.sums import middle

FIRST = datetime(2021, 6, 1, tzinfo=UTC)
DAYS = 300  # more than two periods of 16 weeks
VALUES = {
    "status": ["completed", "in_progress"],
    "conclusion": ["success", "failure", "cancelled", "stale"],
    "failure_class": ["unknown", "lost"],
}
ENDS = [("completed", "success"), ("completed", "failure"), ("completed", "cancelled"), ("in_progress", None)]


@pytest.fixture
def runs(filled):
    app, rows = filled
    with app.app_context():
        yield rows


@pytest.fixture(scope="module")
def filled(module_app):
    """An application with runs of two feedstocks in two bakeries, with random times, and these runs."""
    app = module_app
    chance = Random(1)
    feedstocks, bakeries = [make_feedstock(app).id for _ in "12"], [make_bakery(app).id for _ in "12"]
    rows = []
    for feedstock, bakery, end, _ in product(feedstocks, bakeries, ENDS, range(25)):
        row = {"recipe_id": "r", "head_sha": "", "version": "", "feedstock_id": feedstock, "bakery_id": bakery}
        start = FIRST + timedelta(days=chance.uniform(0, DAYS))
        length = timedelta(seconds=10 ** chance.uniform(0, 6)) if end[0] == "completed" else None
        row |= {"started_at": start, "completed_at": length and start + length, "is_test": chance.random() < 0.3}
        row |= {"failure_class": chance.choice(["unknown", "lost"]) if "failure" in end else None}
        rows.append(row | dict(zip(("status", "conclusion"), end, strict=True)))
    with app.app_context():
        db.session.execute(insert(RecipeRun).values(rows))
        db.session.commit()
    return app, rows


def expected(runs):
    """The statistics of `runs`."""
    weeks = Counter(f"{run['started_at'] - timedelta(days=run['started_at'].weekday()):%Y-%m-%d}" for run in runs)
    lengths = sorted(
        (run["completed_at"] - run["started_at"]) // timedelta(seconds=1)
        for run in runs
        if run["conclusion"] in ("success", "failure")
    )
    ranks = [about(lengths[ceil(len(lengths) * share) - 1]) if lengths else None for share in (0.5, 0.9)]
    return len(runs), dict(weeks), {"runs": len(lengths), "median": ranks[0], "p90": ranks[1]}


def found(since, until, filters):
    numbers = stats.overview(since, until, **filters)
    weeks = {week["week"]: week["runs"] for week in numbers["weeks"]}
    assert sum(numbers["by_status"].values()) == numbers["runs"]
    return numbers["runs"], weeks, numbers["duration"]


def some_time(chance):
    """A time in or near that of the runs, or none. Some are at the start of a day or of a week."""
    time = FIRST + timedelta(days=chance.uniform(-50, DAYS + 50))
    midnight = time.replace(hour=0, minute=0, second=0, microsecond=0)
    return chance.choice([None, time, midnight, midnight - timedelta(days=midnight.weekday())])


def selection(runs, chance):
    """A random time and filters, and the runs that match them."""
    since, until = some_time(chance), some_time(chance)
    values = {name: sorted({run[name] for run in runs}) for name in ("feedstock_id", "bakery_id", "is_test")}
    filters = {name: chance.sample(of, chance.choice([1, 2])) for name, of in values.items() if chance.random() < 0.5}
    matching = [
        run
        for run in runs
        if all(run[name] in of for name, of in filters.items())
        and (since is None or run["started_at"] >= since)
        and (until is None or run["started_at"] < until)
    ]
    return since, until, filters, matching


def test_statistics_are_those_of_the_runs(runs):
    chance = Random(2)
    for _ in range(100):
        since, until, filters, matching = selection(runs, chance)
        assert found(since, until, filters) == expected(matching), (since, until, filters)


def test_statistics_of_failures_are_those_of_the_runs(runs):
    chance = Random(4)
    for _ in range(100):
        since, until, filters, matching = selection(runs, chance)
        failed = [run for run in matching if run["failure_class"]]
        numbers = failure_counts.statistics(since, until, **filters)
        classes = {item["failure_class"]: item["count"] for item in numbers["classes"]}
        assert (numbers["count"], classes) == (len(failed), Counter(run["failure_class"] for run in failed))
        for name, key in (("feedstocks", "feedstock_id"), ("bakeries", "bakery_id")):
            classes_of = {item[key]: item["classes"] for item in numbers[name]}
            parents = {run[key] for run in failed}
            assert classes_of == {
                parent: Counter(run["failure_class"] for run in failed if run[key] == parent) for parent in parents
            }


def test_kept_counts_of_a_time_are_those_of_the_runs(runs):
    chance = Random(5)
    for names in chance.choices([("status",), ("conclusion", "status"), ("failure_class",), ()], k=200):
        since, until, filters, matching = selection(runs, chance)
        kind = {name: chance.sample(VALUES[name], chance.choice([1, 2])) for name in names}
        matching = [run for run in matching if all(run[name] in values for name, values in kind.items())]
        times = {chance.choice(["since", "started_after"]): since, chance.choice(["until", "started_before"]): until}
        given = filters | kind | {name: time for name, time in times.items() if time}
        assert RecipeRun.kept_count(given) == len(matching), given


def test_the_latest_of_two_times_and_the_earliest_of_two_limit_a_count(runs):
    early, late = FIRST + timedelta(days=100.3), FIRST + timedelta(days=200.6)
    expected = sum(early <= run["started_at"] < late for run in runs)
    for begin, end in (("since", "started_before"), ("started_after", "until")):
        wider = {"since": FIRST, "started_after": FIRST, "until": FIRST + timedelta(DAYS), "started_before": None}
        wider["started_before"] = wider["until"]
        assert RecipeRun.kept_count(wider | {begin: early, end: late}) == expected > 0


@pytest.mark.parametrize("name", ["id", "q", "head_sha", "completed_after", "has_dataset", "dataset_public_url"])
def test_there_is_no_kept_count_of_a_time_for_other_filters(runs, name):
    assert RecipeRun.kept_count({"since": FIRST, name: ["x"]}) is None


@pytest.mark.parametrize("weeks", [1, 3, LONG // WEEK])
def test_durations_over_time_are_those_of_the_runs(runs, weeks):
    chance = Random(3)
    for _ in range(20):
        since, until, filters, matching = selection(runs, chance)
        first = (FIRST.date() - MONDAY).days // LONG * LONG // WEEK
        timed = [run for run in matching if run["conclusion"] in ("success", "failure")]
        parts = Counter(((run["started_at"].date() - MONDAY).days // WEEK - first) // weeks for run in timed)
        lengths = run_durations.over_time(RunSelection(since, until, filters), first, weeks)
        assert {part: sum(count for _, count in found) for part, found in lengths.items()} == parts
        whole = Counter(dict(run_durations.histogram(RunSelection(since, until, filters))))
        assert Counter(dict(run_durations.whole(lengths.values()))) == whole


def test_the_first_and_last_days_divide_the_runs(runs):
    for day, filters in product(
        ("0001-01-01", "1999-12-31", "9999-12-30", "9999-12-31"), ({}, {"feedstock_id": [runs[0]["feedstock_id"]]})
    ):
        time = datetime.fromisoformat(day).replace(hour=12, tzinfo=UTC)
        parts = found(time, None, filters)[0], found(None, time, filters)[0]
        assert sum(parts) == found(None, None, filters)[0] == max(parts)
        assert parts == tuple(RecipeRun.kept_count(filters | {name: time}) for name in ("since", "until"))


def test_the_bucket_of_every_duration_is_within_a_percent(app):
    lengths = select(literal(0).label("length")).cte("lengths", recursive=True)
    lengths = lengths.union_all(select(lengths.c.length + 1).where(lengths.c.length < 99_999))
    with app.app_context():
        for length, seconds in db.session.execute(select(lengths.c.length, bucket(lengths.c.length))):
            assert seconds == middle(length)
            assert abs(seconds - length) <= (length >= EXACT) * length / 100


@pytest.mark.parametrize("doubling", range(17, 38))
def test_the_bucket_of_a_long_duration_is_within_a_percent(app, doubling):
    length = 2**doubling
    with app.app_context():
        for seconds in db.session.execute(select(*(bucket(literal(length + more)) for more in (-1, 0, 1)))).one():
            assert seconds == pytest.approx(length, rel=0.01)
