"""Statistics, feeds and badges take at most twice as long for 300,000 runs as for 1,000 runs of the same time.

If a time divides a day, or a week of a feedstock, the runs of that day or week are counted one by one, and the large
catalogue has 300 times as many of them. Such an answer takes up to five times as long. So does one about failures, or
up to ten times if its time is limited: it adds up the sums of each feedstock, and only in the large catalogue do all
feedstocks have failures of all classes.

The proof takes some minutes: `pytest -s tests/proofs/summaries.py`. Both catalogues have the same weeks, so the answers
have the same size. Requests to both are sent in turn, and the fastest of each count, so that a busy machine slows both.
"""

import time
from contextlib import ExitStack

import pytest

from app.extensions import db
from tests.support import catalogue, postgres
from tests.support.apps import make_app

RUNS, MINUTES = {"small": 1_000, "large": 300_000}, {"small": 300, "large": 1}
TRIES = 40
QUEUE = "UPDATE reciperun SET status = 'queued', conclusion = NULL, completed_at = NULL WHERE id / 8 * 8 = id"
TWICE, DIVIDED, FEEDSTOCKS_OF_A_TIME = 2, 5, 10
MORE_DURATIONS = 2.5  # in the days and weeks at the beginning of the time
PATHS = {
    "/stats/overview": TWICE,
    "/stats/overview?since=2020-02-14T00:00:00Z": MORE_DURATIONS,
    "/stats/overview?since=2020-02-14T12:00:00Z&until=2020-07-01T12:00:00Z": DIVIDED,
    "/stats/overview?type=production": TWICE,
    "/stats/overview?bakery_id=1": TWICE,
    "/stats/overview?feedstock_id=1": TWICE,
    "/stats/overview?feedstock_id=1&bakery_id=1&since=2020-02-14T00:00:00Z": DIVIDED,
    "/stats/failures": DIVIDED,
    "/stats/failures?feedstock_id=1": TWICE,
    "/stats/failures?since=2020-02-14T12:00:00Z&until=2020-07-01T12:00:00Z": FEEDSTOCKS_OF_A_TIME,
    "/dashboard": TWICE,
    "/dashboard/bakeries/1": TWICE,
    "/feed.atom": TWICE,
    "/feedstocks/1/feed.atom": TWICE,
    "/feedstocks/1/badge.svg": TWICE,
}


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def clients(request, postgres_server, tmp_path_factory):
    """A client of a service with few runs, and of one with many. An eighth of the runs is queued."""
    with ExitStack() as stack:
        apps = {}
        for size, count in RUNS.items():
            url = stack.enter_context(catalogue.runs(postgres_server, count, MINUTES[size]))
            postgres.execute(url, QUEUE)
            postgres.vacuum(url)
            if request.param == "sqlite":
                url = catalogue.copy_to_sqlite(url, tmp_path_factory.mktemp("catalogue") / f"{size}.sqlite")
            apps[size] = make_app(url)
        yield {size: app.test_client() for size, app in apps.items()}
        for app in apps.values():
            with app.app_context():
                db.engine.dispose()


def milliseconds(client, path):
    start = time.perf_counter()
    assert client.get(path).status_code == 200
    return 1000 * (time.perf_counter() - start)


@pytest.mark.parametrize(("path", "most"), PATHS.items())
def test_an_answer_about_many_runs_takes_hardly_longer(clients, path, most):
    rounds = [{size: milliseconds(client, path) for size, client in clients.items()} for _ in range(TRIES)]
    few, many = (min(times[size] for times in rounds) for size in RUNS)
    print(f"\n{path}: {few:.1f} and {many:.1f} ms", end=" ")
    assert many <= most * few
    assert many < 50
