"""With a million runs, a count takes the database less than five milliseconds. The cost for writers is printed.

The proof takes a minute: `pytest -s tests/proofs/counts.py`.
"""

from functools import partial
from statistics import median

import pytest

from app.extensions import db
from tests.support.plans import LISTS, catalogue
from tests.support.sent import statements
from tests.support.threads import at_once

RUNS = 1_000_000
LIMIT = 5  # milliseconds
TRIES = 25
STATS = ["/stats/recipe_runs", "/stats/datasets", "/stats/datasets?exclude_test_runs=true"]
FILTERS = ["", "is_test=true", "status=queued&status=in_progress", "conclusion=success&has_dataset=true"]
TOTALS = [f"{path}?count=true&limit=1&{query}" for path in LISTS for query in FILTERS]
TIMES = ["since=2020-02-01T12:00:00Z", "since=2020-02-01T12:00:00Z&until=2021-11-01T12:00:00Z&conclusion=failure"]
OF_TIMES = [f"{path}?count=true&limit=1&{query}" for path in LISTS for query in TIMES]

WRITERS = 4  # the number of connections
WRITES = 500
INSERT = (
    "INSERT INTO reciperun (recipe_id, bakery_id, feedstock_id, head_sha, version, started_at) "
    "SELECT 'new', 1, 1, '', '', now() FROM generate_series(1, {})"
)


@pytest.fixture(scope="module")
def client(postgres_server):
    with catalogue(postgres_server, RUNS) as client:
        yield client


@pytest.fixture
def engine(client):
    with client.application.app_context():
        yield db.engine


def in_database(client, reference):
    """The median duration, in milliseconds, of the statement that reads the count."""
    with statements() as sent:
        for _ in range(TRIES):
            assert client.get(reference).status_code == 200
    return median(statement.milliseconds for statement in sent if "reciperun_count" in statement.text)


@pytest.mark.parametrize("reference", STATS + TOTALS + OF_TIMES)
def test_a_count_takes_less_than_five_milliseconds(client, reference):
    time = in_database(client, reference)
    print(f"\n{time:6.2f} ms  {reference}", end=" ")
    assert time < LIMIT


def insert(engine, runs, times):
    """The executed plans of `times` transactions that insert `runs` runs each."""
    return [insert_once(engine, runs) for _ in range(times)]


def insert_once(engine, runs):
    with engine.begin() as connection:
        return connection.exec_driver_sql(f"EXPLAIN (ANALYZE, FORMAT JSON) {INSERT.format(runs)}").scalar_one()[0]


def test_counts_stay_fast_after_four_concurrent_writers(engine, client):
    before = client.get(STATS[0]).json["count"]
    at_once(*[partial(insert, engine, 1, WRITES)] * WRITERS)
    time = in_database(client, STATS[0])
    print(f"\n{time:6.2f} ms  {STATS[0]} after {WRITERS * WRITES} inserts", end=" ")
    assert client.get(STATS[0]).json["count"] == before + WRITERS * WRITES
    assert time < LIMIT


@pytest.mark.parametrize(("runs", "times", "most"), [(1, 2000, 0.15), (1000, 20, 5)])
def test_counting_makes_an_insert_little_slower(engine, runs, times, most):
    plans = insert(engine, runs, times)
    triggers = [{trigger["Trigger Name"]: trigger["Time"] for trigger in plan["Triggers"]} for plan in plans]
    counting = median(times["reciperun_count_insert"] for times in triggers)
    whole = median(plan["Execution Time"] for plan in plans)
    print(f"\nan insert of {runs}: {whole:.3f} ms, {counting:.3f} of it to count", end=" ")
    assert counting < most
