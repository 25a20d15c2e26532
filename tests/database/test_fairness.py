"""Long computations let other requests run between two batches."""

import socket
from contextlib import closing

import gevent
import gevent.socket
import pytest
from gevent.lock import Semaphore
from sqlalchemy import text

from app.database import deadline, fairness
from app.database.fairness import in_batches, let_others_run, paced
from app.database.statements import fetch
from app.services import search_documents
from tests.support.databases import application, on_sqlite, sql
from tests.support.factories import make_run, run_body

PUBLISHED = {"status": "completed", "conclusion": "success", "dataset_public_url": "https://data.org/a.zarr"}


@pytest.fixture
def pauses(monkeypatch):
    """One item for each time when other requests could run."""
    found = []
    monkeypatch.setattr(fairness, "let_others_run", lambda: found.append(None))
    return found


@pytest.fixture
def greenlets(monkeypatch):
    """Others run at each call, as greenlets do in a worker."""
    monkeypatch.setattr(fairness, "sleep", gevent.sleep)
    monkeypatch.setattr(fairness, "_next", Semaphore())
    monkeypatch.setattr(fairness, "PERIOD", 0)


@pytest.mark.parametrize(
    ("count", "lengths"), [(0, []), (1, [1]), (100, [100]), (101, [100, 1]), (250, [100, 100, 50])]
)
def test_other_requests_run_between_two_batches(pauses, count, lengths):
    assert [len(batch) for batch in in_batches(list(range(count)))] == lengths
    assert len(pauses) == max(0, len(lengths) - 1)


def test_other_requests_run_between_two_items(pauses):
    assert list(paced(range(250))) == list(range(250))
    assert len(pauses) == 249


def test_other_requests_run_once_in_a_period(monkeypatch):
    sleeps, clock = [], [fairness.monotonic()]
    monkeypatch.setattr(fairness, "sleep", sleeps.append)
    monkeypatch.setattr(fairness, "monotonic", lambda: clock[0])
    monkeypatch.setattr(fairness, "_others_ran", clock[0])
    for _ in range(10):
        clock[0] += 0.4 * fairness.PERIOD
        let_others_run()
    assert len(sleeps) == 2 * 3


def test_a_request_that_arrives_is_served_before_the_next_batch(greenlets):
    client, server = gevent.socket.socketpair(type=socket.SOCK_STREAM)
    with client, server:
        request = gevent.spawn(server.recv, 1)
        let_others_run()  # the request now waits for data
        client.send(b"x")
        let_others_run()
        let_others_run()
        assert request.ready()


def test_of_several_computations_one_continues_after_each_check_for_requests(greenlets):
    log = []

    def compute(name):
        for _ in range(4):
            log.append(name)
            let_others_run()

    with closing(gevent.get_hub().loop.check()) as checked:
        checked.start(log.append, "|")
        gevent.joinall([gevent.spawn(compute, name) for name in "abc"])
        checked.stop()
    turns = "".join(log).lstrip("|").removeprefix("abc").replace("|", " ").split()
    assert turns == list("abcabcabc")


def test_a_bulk_of_a_thousand_runs_is_computed_in_batches(app, writer, pauses):
    body = {"recipe_runs": [run_body(app)] * 1000}
    assert writer.post("/recipe_runs/bulk", json=body).status_code == 201
    # Runs are checked, completed, stored, audited and written one by one or in batches of a hundred.
    assert len(pauses) >= 5 * 9


def test_other_requests_run_while_many_rows_are_read(app, pauses):
    for _ in range(4):
        make_run(app)
    runs = " CROSS JOIN ".join(f"reciperun AS run_{number}" for number in range(4))
    with app.app_context():
        assert len(fetch(text(f"SELECT 1 FROM {runs}"))) == 256
    assert len(pauses) == 2


def test_other_requests_run_while_a_search_indexes_datasets(app, client, pauses, monkeypatch):
    monkeypatch.setattr(search_documents, "STORED", 2)
    for number in range(5):
        make_run(app, recipe_id=f"recipe-{number}", **PUBLISHED)
    assert len(client.get("/datasets/?q=recipe").json) == 5
    assert len(pauses) == 2 + 2  # between runs statements, and between two datasets of a statement


def test_a_short_list_is_written_without_a_pause(app, client, pauses):
    make_run(app)
    assert len(client.get("/recipe_runs/").json) == 1
    assert pauses == []


@on_sqlite
def test_other_requests_run_while_sqlite_computes(empty_url, monkeypatch):
    pauses = []
    monkeypatch.setattr(deadline, "let_others_run", lambda: pauses.append(None))
    count = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100000) SELECT max(i) FROM n"
    with application(empty_url) as app:
        assert sql(app, count) == [(100_000,)]
    assert len(pauses) > 5


@on_sqlite
def test_other_requests_run_while_sqlite_inserts_runs(app, writer, monkeypatch):
    pauses = []
    monkeypatch.setattr(deadline, "let_others_run", lambda: pauses.append(None))
    writer.post("/recipe_runs/bulk", json={"recipe_runs": [run_body(app)] * 100})
    assert len(pauses) > 10  # the inserts take about 20 milliseconds
