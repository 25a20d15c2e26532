"""Requests share the connections of the pool. Paths that do not use the database need no connection."""

from contextlib import closing

import pytest
from sqlalchemy import Pool, event

from app.database.statements import connect
from app.extensions import db
from tests.support.databases import application
from tests.support.factories import make_run


@pytest.fixture
def small_pool(migrated_url):
    """An application with one connection. A request waits one second for it."""
    with application(migrated_url, {"pool_size": 1, "pool_timeout": 1}) as app:
        assert app.test_client().get("/bakeries/").status_code == 200  # the first request reads the revision
        yield app


@pytest.fixture
def held(small_pool):
    """The only connection of the pool, in use."""
    with small_pool.app_context(), closing(db.engine.raw_connection()) as connection:
        yield connection


def test_without_a_connection_a_request_is_503_and_the_next_is_served(small_pool, held):
    client = small_pool.test_client()
    refused = client.get("/bakeries/")
    assert (refused.status_code, refused.headers["Retry-After"]) == (503, "5")
    assert [client.get(path).status_code for path in ("/healthz", "/docs", "/openapi.json", "/no")] == [
        *(200, 200, 200, 404)
    ]
    held.close()
    assert [client.get("/bakeries/").status_code for _ in range(3)] == [200, 200, 200]


def test_a_request_that_fails_returns_its_connection(small_pool):
    client = small_pool.test_client()
    assert [client.get("/bakeries/99").status_code for _ in range(3)] == [404, 404, 404]


def test_a_read_in_a_transaction_uses_the_connection_of_the_transaction(small_pool):
    with small_pool.test_request_context():
        db.session.connection()
        with connect() as one, connect() as other:
            assert one is other
        assert db.engine.pool.checkedout() == 1


@pytest.mark.parametrize("path", ["/recipe_runs/{}", "/feedstocks/{}", "/bakeries/{}", "/datasets/{}"])
def test_the_statements_of_a_detail_share_one_connection(small_pool, path):
    published = {"dataset_type": "zarr", "dataset_public_url": "https://example.org/gpcp.zarr"}
    run = make_run(small_pool, status="completed", conclusion="success", **published)
    checkouts, count = [], lambda *_: checkouts.append(1)
    number = {"/feedstocks/{}": run.feedstock_id, "/bakeries/{}": run.bakery_id}.get(path, run.id)
    event.listen(Pool, "checkout", count)
    assert small_pool.test_client().get(path.format(number)).status_code == 200
    event.remove(Pool, "checkout", count)
    assert len(checkouts) == 1
