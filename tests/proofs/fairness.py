"""No request delays the others: /healthz is requested all the time while a worker handles its longest requests.

The machine should be idle. If it is busy, sleepers wake up late. This delay is printed and subtracted.
"""

import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import pytest
from sqlalchemy.engine import URL

from app.routes.recipe_runs import NEW_RUN
from tests.proofs.growth import serve
from tests.support import live, postgres
from tests.support.apps import ADMIN_KEY, environment
from tests.support.catalogue import runs
from tests.support.load import get, post, run

RUNS = 150_000
LIMIT, PAUSE = 0.05, 0.005  # seconds
TWO_BAKERIES = "UPDATE reciperun SET bakery_id = CASE WHEN id % 10 = 0 THEN 2 ELSE 1 END"
BULK = {"recipe_runs": [NEW_RUN | {"bakery_id": 3, "recipe_id": f"recipe-{number}"} for number in range(1000)]}
WRONG = {"recipe_runs": [run | {"conclusion": "?", "bakery_id": 0} for run in BULK["recipe_runs"]]}
KINDS = {
    "one long detail": (1, 1, get("/bakeries/1")),
    "eight long details": (8, 8, get("/bakeries/1")),
    "eight details of 19,000 runs": (8, 8, get("/feedstocks/1")),
    "a page of 1,000 runs": (1, 10, get("/recipe_runs/?limit=1000")),
    "1,000 new runs": (1, 3, post("/recipe_runs/bulk", BULK, ADMIN_KEY)),
    "1,000 invalid runs": (1, 3, post("/recipe_runs/bulk", WRONG, ADMIN_KEY)),
    "the overview": (1, 2, get("/stats/overview?type=all")),
    "the page of a bakery": (1, 2, get("/dashboard/bakeries/1")),
    "the page of a feedstock": (1, 2, get("/dashboard/feedstocks/1")),
    "a dashboard page of 1,000 runs": (1, 2, get("/dashboard/recipe_runs?limit=1000")),
    "the datasets of a feedstock": (1, 2, get("/feedstocks/1/datasets")),
    "1,000 datasets": (1, 2, get("/datasets/?limit=1000&q=zarr")),
    "the Intake catalogue": (1, 2, get("/catalog.yaml")),
    "STAC": (1, 4, get("/stac"), get("/stac/collections?limit=1000")),
    "a feed": (1, 2, get("/feedstocks/1/feed.atom")),
}


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def server(request, postgres_server, tmp_path_factory):
    """A server whose one worker has answered no such request before. One bakery has most of the runs."""
    folder = tmp_path_factory.mktemp("fairness")
    with runs(postgres_server, RUNS) as url:
        postgres.execute(url, TWO_BAKERIES)
        postgres.vacuum(url)
        if request.param == "sqlite":
            url = copied(url, folder)
        with serve(url, folder) as server:
            yield server


def copied(url, folder):
    """Copy the database at `url` to a new SQLite database and return its URL."""
    archive = str(folder / "archive")
    copy = URL.create("sqlite", database=str(folder / "fairness.sqlite"))
    for target, *command in ((url, "export", archive), (copy, "db", "upgrade"), (copy, "import", archive)):
        done = live.flask(environment(target), *command)
        assert done.returncode == 0, done.stdout
    return copy


@pytest.mark.parametrize("kind", KINDS)
def test_healthz_answers_at_once_during_long_requests(server, kind):
    connections, count, *requests = KINDS[kind]
    with ProcessPoolExecutor(1, get_context("spawn")) as others:  # a thread would delay the probe
        crowd = others.submit(run, server.port, *requests, connections=connections, count=count)
        waits, late = probe(server.port, crowd.done)
    answers = crowd.result()
    statuses, slowest = Counter(answer.status for answer in answers), max(answer.seconds for answer in answers)
    print(f"\n{kind}: {dict(statuses)} within {slowest:.2f} s, {len(waits)} of /healthz within ", end="")
    print(f"{1000 * max(waits):.0f} ms, the machine {1000 * late:.0f} ms late", end="")
    assert max(waits) - late < LIMIT


def probe(port, is_over):
    """Request /healthz until `is_over()`. Return the durations and the largest delay of this process."""
    waits, late = [], 0
    while not is_over():
        waits += [answer.seconds for answer in run(port, get("/healthz"), connections=1, count=1)]
        began = time.perf_counter()
        time.sleep(PAUSE)
        late = max(late, time.perf_counter() - began - PAUSE)
    return waits, late
