"""The line for the database: first come, first served, for a limited time. What needs no database passes by it."""

import sqlite3
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import pytest
from sqlalchemy import create_engine, event
from sqlalchemy.exc import OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from app.database import pool as module
from app.database.pool import FairPool
from app.database.statements import one_connection
from app.extensions import db
from config import POOL_TIMEOUT
from tests.support.databases import application, upgrade
from tests.support.dyno import wait_until
from tests.support.factories import make_run


@pytest.fixture
def engine(tmp_path):
    """One whose pool has one connection."""
    engine = create_engine(f"sqlite:///{tmp_path}/one.sqlite", poolclass=FairPool, pool_size=1, patience=0.2)
    yield engine
    engine.dispose()


@pytest.fixture
def crowded(empty_url):
    """An application with one connection, for which nobody waits for long."""
    with application(empty_url, WEB_CONNECTIONS="1") as app:
        upgrade(app)
        with app.app_context():
            db.engine.pool.patience = 0.2
        assert app.test_client().get("/bakeries/").status_code == 200  # the first request asks for the revision
        yield app


@pytest.fixture
def taken(crowded):
    """Its connection, taken."""
    with crowded.app_context(), closing(db.engine.raw_connection()) as connection:
        yield connection


def test_whoever_came_first_is_served_first(engine):
    served, first = [], engine.raw_connection()

    def wait(number):
        with closing(engine.raw_connection()):
            served.append(number)

    engine.pool.patience = 5
    with ThreadPoolExecutor(5) as threads:
        for number in range(5):
            threads.submit(wait, number)
            wait_until(lambda number=number: f"{number + 1} wait" in engine.pool.status())
        first.close()
    assert served == list(range(5))


def test_nobody_waits_longer_than_they_may(engine):
    with closing(engine.raw_connection()):
        began = time.monotonic()
        with pytest.raises(PoolTimeout, match=r"no connection within 0\.2 seconds"):
            engine.raw_connection()
        assert 0.2 <= time.monotonic() - began < 1


def test_the_turn_of_one_who_gave_up_is_nobodys(engine):
    with closing(engine.raw_connection()), pytest.raises(PoolTimeout):
        engine.raw_connection()
    assert engine.pool.status() == "0 of 1 connections are in use, 0 wait"
    with closing(engine.raw_connection()):
        assert engine.pool.status() == "1 of 1 connections are in use, 0 wait"


def test_one_who_is_ended_while_waiting_takes_no_connection(engine, monkeypatch):
    class Ended(module.SimpleQueue):
        def get(self, timeout):
            raise SystemExit

    monkeypatch.setattr(module, "SimpleQueue", Ended)
    with closing(engine.raw_connection()), pytest.raises(SystemExit):
        engine.raw_connection()
    assert engine.pool.status() == "0 of 1 connections are in use, 0 wait"


def test_a_connection_that_comes_in_the_moment_of_giving_up_is_taken(engine, monkeypatch):
    held = engine.raw_connection()

    class Late(module.SimpleQueue):
        def get(self, timeout):
            held.close()
            raise module.Empty

    monkeypatch.setattr(module, "SimpleQueue", Late)
    with closing(engine.raw_connection()):
        assert engine.pool.status() == "1 of 1 connections are in use, 0 wait"


def test_a_connection_that_comes_to_one_who_is_ended_goes_to_the_next(engine, monkeypatch):
    engine.pool.patience, held, queue = 5, engine.raw_connection(), module.SimpleQueue

    class Ended(queue):
        def get(self, timeout):
            monkeypatch.setattr(module, "SimpleQueue", queue)
            others.append(threads.submit(engine.raw_connection))
            wait_until(lambda: "2 wait" in engine.pool.status())
            held.close()
            raise SystemExit

    others = []
    monkeypatch.setattr(module, "SimpleQueue", Ended)
    with ThreadPoolExecutor(1) as threads:
        with pytest.raises(SystemExit):
            engine.raw_connection()
        others[0].result(timeout=2).close()


def test_a_connection_that_cannot_be_made_leaves_its_place_to_who_waits(engine):
    engine.pool.patience, tried = 5, []

    def connect(*_):
        tried.append(1)
        if tried == [1]:
            wait_until(lambda: "1 wait" in engine.pool.status())
            raise sqlite3.OperationalError("no connection today")

    event.listen(engine, "do_connect", connect)
    with ThreadPoolExecutor(2) as threads:
        first = threads.submit(engine.connect)
        wait_until(lambda: tried)
        second = threads.submit(engine.connect)
        with pytest.raises(OperationalError, match="no connection today"):
            first.result(timeout=2)
        second.result(timeout=2).close()
    assert engine.pool.status() == "0 of 1 connections are in use, 0 wait"


def test_who_listens_goes_on_when_all_connections_are_disposed_of(engine):
    heard = []
    event.listen(engine, "checkout", lambda *_: heard.append(1))
    for _ in range(2):
        engine.raw_connection().close()
        engine.dispose()
    assert heard == [1, 1]


def test_connections_are_made_as_they_are_needed_and_closed_when_they_are_disposed_of():
    engine = create_engine("sqlite://", poolclass=FairPool, pool_size=3)
    with closing(engine.raw_connection()) as one, closing(engine.raw_connection()) as other:
        first, second = one.driver_connection, other.driver_connection
        assert first is not second
    with closing(engine.raw_connection()) as again:
        assert again.driver_connection is first  # the last to be given back
    pool = engine.pool
    engine.dispose()
    with pytest.raises(sqlite3.ProgrammingError, match="closed"):
        first.execute("SELECT 1")
    assert (engine.pool is pool, engine.pool.size, engine.pool.checkedout()) == (False, 3, 0)


def test_requests_wait_as_long_as_the_configuration_says(app):
    with app.app_context():
        pool = db.engine.pool
    assert pool.patience == pool.recreate().patience == POOL_TIMEOUT


def test_without_a_connection_a_request_is_503_and_the_next_is_served(crowded, taken):
    client = crowded.test_client()
    refused = client.get("/bakeries/")
    assert (refused.status_code, refused.headers["Retry-After"]) == (503, "5")
    assert [client.get(path).status_code for path in ("/healthz", "/docs", "/openapi.json", "/no")] == [
        *(200, 200, 200, 404)
    ]
    taken.close()
    assert [client.get("/bakeries/").status_code for _ in range(3)] == [200, 200, 200]


def test_a_request_that_fails_gives_its_connection_back(crowded):
    client = crowded.test_client()
    assert [client.get("/bakeries/99").status_code for _ in range(3)] == [404, 404, 404]


def test_all_transactions_of_a_request_wait_so_long_together(crowded, taken):
    with crowded.test_request_context(), ThreadPoolExecutor(1) as threads:
        threads.submit(lambda: time.sleep(0.1) or taken.close())
        db.session.connection()
        db.session.rollback()
        with closing(db.engine.raw_connection()):
            began = time.monotonic()
            with pytest.raises(PoolTimeout):
                db.session.connection()
            assert time.monotonic() - began < 0.15


def test_a_request_that_keeps_a_connection_takes_no_other(crowded):
    with crowded.test_request_context():
        with one_connection(), one_connection():
            assert db.engine.pool.checkedout() == 1
        assert db.engine.pool.checkedout() == 0


@pytest.mark.parametrize("path", ["/recipe_runs/{}", "/feedstocks/{}", "/bakeries/{}", "/datasets/{}"])
def test_the_statements_of_a_detail_stand_in_line_once(crowded, monkeypatch, path):
    published = {"dataset_type": "zarr", "dataset_public_url": "https://example.org/gpcp.zarr"}
    run = make_run(crowded, status="completed", conclusion="success", **published)
    taken, take = [], FairPool._do_get
    monkeypatch.setattr(FairPool, "_do_get", lambda pool: taken.append(pool) or take(pool))
    number = {"/feedstocks/{}": run.feedstock_id, "/bakeries/{}": run.bakery_id}.get(path, run.id)
    assert crowded.test_client().get(path.format(number)).status_code == 200
    assert len(taken) == 1
