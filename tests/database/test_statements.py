"""The number of statements of a request. It may decrease, but only increase on purpose."""

import pytest
from sqlalchemy import select
from sqlalchemy.exc import SAWarning

from app.database import rows
from app.database.statements import fetch
from app.extensions import db
from app.models import Bakery, Feedstock
from tests.support.factories import make_bakery, make_feedstock, make_run, run_body
from tests.support.sent import statements

READS = {
    "/recipe_runs/?limit=100": 1,
    "/recipe_runs/?count=true": 2,
    "/recipe_runs/?status=queued&sort=desc": 1,
    "/recipe_runs/{run}": 1,
    "/recipe_runs/{run}/events": 2,
    "/feedstocks/": 1,
    "/feedstocks/{feedstock}": 2,
    "/feedstocks/{feedstock}/recipe_runs": 2,
    "/feedstocks/{feedstock}/datasets": 2,
    "/bakeries/": 1,
    "/bakeries/{bakery}": 2,
    "/bakeries/{bakery}/recipe_runs": 2,
    "/datasets/{dataset}": 4,
    "/stats/recipe_runs": 1,
    "/stats/datasets?exclude_test_runs=true": 1,
    "/": 0,
    "/healthz": 0,
    "/docs": 0,
    "/openapi.json": 0,
}


@pytest.fixture
def ids(app, client):
    """Runs and a dataset of one feedstock in one bakery. The service has already read the revision of its database."""
    bakery, feedstock = make_bakery(app).id, make_feedstock(app).id
    [*_, run] = [make_run(app, bakery_id=bakery, feedstock_id=feedstock).id for _ in range(3)]
    published = {"status": "completed", "conclusion": "success", "dataset_public_url": "https://data.org/a.zarr"}
    dataset, *_ = [make_run(app, bakery_id=bakery, feedstock_id=feedstock, **published).id for _ in range(3)]
    assert client.get("/readyz").status_code == 200
    assert client.get("/recipe_runs/").status_code == 200
    return {"bakery": bakery, "feedstock": feedstock, "run": run, "dataset": dataset}


@pytest.mark.parametrize(("path", "number"), READS.items())
def test_a_read_takes_as_many_statements_as_it_did(client, ids, path, number):
    with statements() as sent:
        assert client.get(path.format(**ids)).status_code == 200
    assert len(sent) == number, sent


def test_the_builds_of_a_dataset_are_read_in_batches(client, ids, monkeypatch):
    path = f"/datasets/{ids['dataset']}"
    at_once = client.get(path)
    monkeypatch.setattr(rows, "BATCH", 2)
    with statements() as sent:
        in_batches = client.get(path)
    assert len(sent) == READS["/datasets/{dataset}"] + 1
    assert (in_batches.data, in_batches.headers["ETag"]) == (at_once.data, at_once.headers["ETag"])


def create(client, ids, body):
    return client.post("/recipe_runs/", json=body)


def create_many(client, ids, body):
    return client.post("/recipe_runs/bulk", json={"recipe_runs": [body] * 10})


def finish(client, ids, body):
    return client.patch(f"/recipe_runs/{ids['run']}", json={"conclusion": "success"})


def delete(client, ids, body):
    return client.delete(f"/recipe_runs/{ids['run']}")


# The numbers for PostgreSQL and for SQLite, where rows whose order matters are inserted one by one. One of a creation
# looks whether a parent is retired.
WRITES = {create: (5, 5), create_many: (5, 14), finish: (5, 5), delete: (4, 4)}


@pytest.mark.parametrize(("write", "numbers"), WRITES.items())
def test_a_write_takes_as_many_statements_as_it_did(app, writer, ids, write, numbers):
    body = run_body(app, bakery_id=ids["bakery"], feedstock_id=ids["feedstock"])
    writer.get("/api-keys/me")  # stores the use of the key, at most once a minute
    with statements() as sent:
        assert write(writer, ids, body).status_code in (200, 201)
    with app.app_context():
        number = dict(zip(("postgresql", "sqlite"), numbers, strict=True))[db.engine.dialect.name]
    assert len(sent) == number, sent


def test_a_statement_with_unconnected_tables_is_an_error_in_tests(app):
    with app.app_context(), pytest.raises(SAWarning, match="cartesian product"):
        fetch(select(Bakery.id, Feedstock.id))
