"""The line for the database: first come, first served, for a limited time. What needs no database passes by it."""

import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy.exc import TimeoutError as PoolTimeout

from app import line as module
from app.extensions import db
from app.line import Line, place
from tests.dyno import wait_until
from tests.factories import make_run


@pytest.fixture
def full():
    """A line with one place, which is taken."""
    line = Line(places=1, patience=0.2)
    assert line.enter(0)
    return line


@pytest.fixture
def crowded(app, monkeypatch):
    """An application whose only place is taken."""
    line = Line(places=1, patience=0.2)
    monkeypatch.setitem(app.extensions, "line", line)
    assert line.enter(0)
    return app


def test_whoever_came_first_is_served_first(full):
    served = []

    def wait(number):
        assert full.enter(5)
        served.append(number)
        full.leave()

    with ThreadPoolExecutor(5) as pool:
        for number in range(5):
            pool.submit(wait, number)
            wait_until(lambda number=number: len(full._waiting) == number + 1)
        full.leave()
    assert served == list(range(5))


def test_nobody_waits_longer_than_they_say(full):
    began = time.monotonic()
    assert not full.enter(0.1)
    assert 0.1 <= time.monotonic() - began < 1


def test_the_place_of_one_who_gave_up_goes_to_another(full):
    assert not full.enter(0.01)
    full.leave()
    assert full.enter(0)
    assert not full.enter(0.01)


def test_without_a_place_a_request_is_503_and_the_next_is_served(crowded, client):
    refused = client.get("/bakeries/")
    assert (refused.status_code, refused.headers["Retry-After"]) == (503, "5")
    crowded.extensions["line"].leave()
    assert [client.get("/bakeries/").status_code for _ in range(3)] == [200, 200, 200]


def test_a_request_that_fails_leaves_its_place(crowded, client, admin):
    crowded.extensions["line"].leave()
    assert [client.get("/bakeries/99").status_code for _ in range(3)] == [404, 404, 404]
    assert [admin.post("/bakeries/", json={}).status_code for _ in range(3)] == [422, 422, 422]


def test_what_asks_no_database_passes_by(crowded, client):
    assert [client.get(path).status_code for path in ("/healthz", "/docs", "/openapi.json", "/no")] == [
        *(200, 200, 200, 404)
    ]


def test_all_transactions_of_a_request_wait_so_long_together(crowded):
    line = crowded.extensions["line"]
    with crowded.test_request_context(), ThreadPoolExecutor(1) as pool:
        pool.submit(lambda: time.sleep(0.1) or line.leave())
        db.session.connection()
        db.session.rollback()
        assert line.enter(0)
        began = time.monotonic()
        with pytest.raises(PoolTimeout):
            db.session.connection()
        assert time.monotonic() - began < 0.15


def test_a_request_takes_one_place_at_a_time(crowded):
    line = crowded.extensions["line"]
    line.leave()
    with crowded.test_request_context():
        with place(), place():
            assert not line.enter(0)
        assert line.enter(0)
        assert not line.enter(0)


@pytest.mark.parametrize("path", ["/recipe_runs/{}", "/feedstocks/{}", "/bakeries/{}", "/datasets/{}"])
def test_the_statements_of_a_detail_stand_in_line_once(crowded, client, monkeypatch, path):
    crowded.extensions["line"].leave()
    published = {"dataset_type": "zarr", "dataset_public_url": "https://example.org/gpcp.zarr"}
    run = make_run(crowded, status="completed", conclusion="success", **published)
    assert client.get("/readyz").status_code == 200  # the first request asks for the revision
    entered = []
    monkeypatch.setattr(Line, "enter", lambda _line, patience: entered.append(patience) or True)
    number = {"/feedstocks/{}": run.feedstock_id, "/bakeries/{}": run.bakery_id}.get(path, run.id)
    assert client.get(path.format(number)).status_code == 200
    assert len(entered) == 1


def test_one_who_is_ended_while_waiting_takes_no_place(full, monkeypatch):
    class Ended:
        def acquire(self, timeout=None):
            if timeout is not None:
                raise SystemExit

    monkeypatch.setattr(module, "Lock", Ended)
    with pytest.raises(SystemExit):
        full.enter(1)
    full.leave()
    assert full.enter(0)
    assert not full._waiting
