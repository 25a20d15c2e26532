"""The check of the fleet finds writes that are lost or doubled."""

import time

import pytest

from tests.chaos.fleet_clients import Write, lost_and_doubled
from tests.support.databases import on_postgresql
from tests.support.factories import make_bakery, make_feedstock, run_body

pytestmark = on_postgresql


@pytest.fixture
def url(app):
    return app.config["SQLALCHEMY_DATABASE_URI"].set(drivername="postgresql")


@pytest.fixture
def write(app, admin):
    """A function that creates a run of a recipe, and returns the acknowledged write."""
    body = run_body(app, bakery_id=make_bakery(app).id, feedstock_id=make_feedstock(app).id)

    def create(recipe_id):
        run = admin.post("/recipe_runs/", json=body | {"recipe_id": recipe_id}).json
        return Write(recipe_id, run["id"], run["status"], time.monotonic())

    return create


def test_writes_that_the_database_has_once_are_neither_lost_nor_doubled(url, write):
    assert lost_and_doubled(url, [write("a"), write("b")]) == ([], [])


def test_a_write_that_the_database_does_not_have_is_lost(url, write):
    ledger = [write("a"), write("a")._replace(status="completed"), write("b")._replace(run_id=0)]
    assert lost_and_doubled(url, ledger)[0] == ledger[1:]


def test_a_write_that_created_two_runs_is_doubled(url, write):
    ledger = [write("a"), write("b")]
    write("b")
    assert lost_and_doubled(url, ledger) == ([], ledger[1:])
