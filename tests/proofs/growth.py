"""A worker under load: its memory does not grow, and many clients wait or get 503."""

import json
from collections import Counter
from contextlib import contextmanager

import pytest

from app.routes.recipe_runs import NEW_RUN
from tests.support import postgres
from tests.support.apps import ADMIN_KEY, environment
from tests.support.catalogue import production, runs
from tests.support.dyno import ask, dyno, serving
from tests.support.live import ROOT
from tests.support.load import get, post, run
from tests.support.memory import forget_peak, peak, resident, worker

# Of 120,000 runs, about 15,000 stay in feedstock 1. The others move to feedstock 2.
TWO_FEEDSTOCKS = "UPDATE reciperun SET feedstock_id = 2 WHERE feedstock_id <> 1"


@contextmanager
def serve(url, folder):
    """A server whose one worker has answered a request."""
    env = dyno(environment(url), WEB_CONCURRENCY="1", RATELIMIT_WRITES="99999999/second")
    with serving("exec gunicorn wsgi:app", env, ROOT, folder / "log") as server:
        assert ask(server, "/readyz")[0] == 200
        yield server


@pytest.fixture(scope="module")
def big(postgres_server, tmp_path_factory):
    """A server with two feedstocks that have many runs."""
    with runs(postgres_server, 120_000) as url:
        postgres.execute(url, TWO_FEEDSTOCKS)
        postgres.vacuum(url)
        with serve(url, tmp_path_factory.mktemp("big")) as server:
            yield server


@pytest.fixture(scope="module")
def small(postgres_server, tmp_path_factory):
    """A server with production's data."""
    with production(postgres_server) as url, serve(url, tmp_path_factory.mktemp("small")) as server:
        yield server


def test_a_feedstock_with_a_hundred_thousand_runs_needs_little_memory(big):
    run(big.port, get("/recipe_runs/?limit=1000"), get("/recipe_runs/5"), count=100)
    pid = worker(big)
    forget_peak(pid)
    before, _ = resident(pid)
    [answer] = run(big.port, get("/feedstocks/2"), count=1)
    grown = peak(pid) - before
    print(f"\nstatus {answer.status} in {answer.seconds:.1f} s, {before:.0f} MB and {grown:.0f} MB more")
    assert answer.status == 200
    assert len(json.loads(ask(big, "/feedstocks/2")[2])["recipe_runs"]) > 100_000
    assert grown < 30


def test_a_hundred_thousand_requests_do_not_grow_the_memory(small):
    reads = ("/recipe_runs/", "/recipe_runs/1000", "/recipe_runs/?status=queued&sort=desc", "/stats/recipe_runs", "/no")
    requests = [*map(get, reads), post("/recipe_runs/", NEW_RUN, ADMIN_KEY)]
    sizes = [resident(worker(small))[0]]
    for _ in range(5):
        statuses = Counter(answer.status for answer in run(small.port, *requests, count=20_000))
        assert set(statuses) == {200, 201, 404}
        sizes.append(resident(worker(small))[0])
        print(f"\n{sizes[-1]:.1f} MB after {20_000 * (len(sizes) - 1):,} requests", end="")
    assert sizes[-1] - sizes[1] < 3


def test_two_hundred_connections_to_one_worker_are_all_served(small):
    answers = run(small.port, get("/recipe_runs/?limit=10"), connections=200, count=2000)
    print(f"\nworst of {len(answers)} answers: {max(answer.seconds for answer in answers):.2f} s")
    assert {answer.status for answer in answers} == {200}


def test_a_crowd_that_cannot_be_served_gets_503_in_time(big):
    answers = run(big.port, get("/feedstocks/1"), connections=200, count=200)
    refused = [answer for answer in answers if answer.status == 503]
    worst = max(answer.seconds for answer in answers)
    print(f"\n{dict(Counter(answer.status for answer in answers))}, worst {worst:.1f} s")
    assert {answer.status for answer in answers} == {200, 503}
    assert all("\nretry-after:" in answer.headers.lower() for answer in refused)
    assert max(answer.seconds for answer in refused) < 5
