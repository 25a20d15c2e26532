"""The duration of the pages of the dashboard on production's data. The machine should be idle."""

from statistics import median
from time import perf_counter

import pytest

from tests.conftest import make_app
from tests.support import catalogue

LIMIT = 100  # ms
ROUNDS = 20
PAGES = ["", "?type=production", "/bakeries", "/bakeries/1", "/feedstocks", "/feedstocks/7", "/recipe_runs"]
PAGES += ["/recipe_runs?q=cmip6&conclusion=failure&limit=100", "/recipe_runs/{run}", "/datasets", "/datasets?q=sst"]
PAGES += ["/datasets/{dataset}", "/feedstocks/7/recipes/{recipe}"]


@pytest.fixture(scope="module")
def client(postgres_server):
    with catalogue.production(postgres_server) as url:
        yield make_app(url).test_client()


def milliseconds(client, path):
    """The durations of ROUNDS requests. The first request fills caches and is not measured."""
    assert client.get(path).status_code == 200
    taken = []
    for _ in range(ROUNDS):
        start = perf_counter()
        client.get(path)
        taken.append(1000 * (perf_counter() - start))
    return taken


def test_every_page_renders_in_less_than_a_tenth_of_a_second(client):
    run = client.get("/recipe_runs/?limit=1&conclusion=failure&feedstock_id=7").json[0]
    values = {"run": run["id"], "recipe": run["recipe_id"]}
    values["dataset"] = client.get("/datasets/?limit=1").json[0]["id"]
    taken = {path: milliseconds(client, f"/dashboard{path.format(**values)}") for path in PAGES}
    for path, times in taken.items():
        print(f"/dashboard{path:48} {min(times):6.1f} ms, median {median(times):6.1f} ms, longest {max(times):6.1f} ms")
    assert [path for path, times in taken.items() if median(times) >= LIMIT] == []
