"""Long computations let other requests run between two batches."""

import socket

import gevent
import gevent.socket
import pytest

from app.database import deadline, fairness
from app.database.fairness import in_batches, let_others_run, paced
from tests.support.databases import application, on_sqlite, sql
from tests.support.factories import make_run, run_body


@pytest.fixture
def pauses(monkeypatch):
    """One item for each pause in which other requests could run."""
    found = []
    monkeypatch.setattr(fairness, "let_others_run", lambda: found.append(None))
    return found


@pytest.mark.parametrize(
    ("count", "lengths"), [(0, []), (1, [1]), (100, [100]), (101, [100, 1]), (250, [100, 100, 50])]
)
def test_other_requests_run_between_two_batches(pauses, count, lengths):
    assert [len(batch) for batch in in_batches(list(range(count)))] == lengths
    assert len(pauses) == max(0, len(lengths) - 1)


def test_other_requests_run_after_each_hundred_items(pauses):
    assert list(paced(range(250))) == list(range(250))
    assert len(pauses) == 2


def test_a_request_that_arrives_is_served_before_the_next_batch(monkeypatch):
    monkeypatch.setattr(fairness, "sleep", gevent.sleep)  # like in a worker
    client, server = gevent.socket.socketpair(type=socket.SOCK_STREAM)
    with client, server:
        request = gevent.spawn(server.recv, 1)
        let_others_run()  # the request now waits for data
        client.send(b"x")
        let_others_run()
        let_others_run()
        assert request.ready()


def test_a_bulk_of_a_thousand_runs_is_computed_in_batches(app, writer, pauses):
    body = {"recipe_runs": [run_body(app)] * 1000}
    assert writer.post("/recipe_runs/bulk", json=body).status_code == 201
    # Runs are checked, completed, stored, audited and written in batches of a hundred.
    assert len(pauses) >= 5 * 9


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
