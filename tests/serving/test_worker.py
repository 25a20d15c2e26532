"""Requests of a worker wait for PostgreSQL concurrently, and only until a time limit."""

import socket
import time
from contextlib import closing

import gevent
import psycopg2
import pytest
from psycopg2 import extensions

from app.serving import worker
from app.serving.worker import ANSWER_TIMEOUT, wait_for_database
from tests.support import live


@pytest.fixture(autouse=True)
def cooperative():
    """Let psycopg2 wait like in gunicorn.conf.py."""
    extensions.set_wait_callback(wait_for_database)
    yield
    extensions.set_wait_callback(None)


@pytest.fixture
def connections(postgres_url):
    """Two connections to one database."""
    url = postgres_url.render_as_string(hide_password=False)
    with closing(psycopg2.connect(url)) as one, closing(psycopg2.connect(url)) as other:
        yield one, other


def query(connection, statement):
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT 1 FROM {statement}")
        return cursor.fetchall()


def sleep(connection, seconds):
    return query(connection, f"pg_sleep({seconds})")


def test_a_greenlet_runs_while_another_waits_for_an_answer(connections):
    holder, waiter = connections
    query(holder, "pg_advisory_lock(731)")
    waits = gevent.spawn(query, waiter, "pg_advisory_lock(731)")
    gevent.sleep(0)
    live.wait_until(lambda: query(holder, "pg_locks WHERE objid = 731 AND NOT granted"))
    query(holder, "pg_advisory_unlock(731)")
    assert waits.get() == [(1,)]


def test_a_server_that_stops_answering_times_out_and_its_connection_is_closed(connections, monkeypatch):
    monkeypatch.setattr(worker, "ANSWER_TIMEOUT", 0.2)
    began = time.monotonic()
    with pytest.raises(psycopg2.OperationalError, match="no answer in time"):
        gevent.spawn(sleep, connections[0], 60).get()
    assert time.monotonic() - began < ANSWER_TIMEOUT
    assert connections[0].closed
    assert sleep(connections[1], 0) == [(1,)]


def test_a_server_that_accepts_a_connection_without_answering_times_out(monkeypatch):
    monkeypatch.setattr(worker, "CONNECT_TIMEOUT", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        began = time.monotonic()
        with pytest.raises(psycopg2.OperationalError, match="no connection in time"):
            psycopg2.connect(host="127.0.0.1", port=listener.getsockname()[1])
        assert time.monotonic() - began < ANSWER_TIMEOUT


def test_an_error_of_the_server_is_raised_and_the_connection_stays_open(connections):
    with connections[0].cursor() as cursor, pytest.raises(psycopg2.errors.UndefinedTable):
        cursor.execute("SELECT * FROM nothing")
    assert not connections[0].closed


def test_a_greenlet_whose_answer_has_arrived_is_not_interrupted(connections, monkeypatch):
    monkeypatch.setattr(worker, "ANSWER_TIMEOUT", 0.2)
    greenlet = gevent.spawn(lambda: (sleep(connections[0], 0.05) and gevent.sleep(0.3)) or "at work")
    assert greenlet.get() == "at work"
