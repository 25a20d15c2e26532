"""Requests of a worker wait side by side for PostgreSQL, and for no longer than they may."""

import socket
import time
from contextlib import closing

import gevent
import psycopg2
import pytest
from psycopg2 import extensions

from app.serving import worker
from app.serving.worker import wait_for_database


@pytest.fixture(autouse=True)
def cooperative():
    """As gunicorn.conf.py has it."""
    extensions.set_wait_callback(wait_for_database)
    yield
    extensions.set_wait_callback(None)


@pytest.fixture
def connections(postgres_url):
    """Two to one database."""
    url = postgres_url.render_as_string(hide_password=False)
    with closing(psycopg2.connect(url)) as one, closing(psycopg2.connect(url)) as other:
        yield one, other


def sleep(connection, seconds):
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1 FROM pg_sleep(%s)", (seconds,))
        return cursor.fetchall()


def test_two_greenlets_wait_for_answers_at_the_same_time(connections):
    began = time.monotonic()
    sleepers = gevent.joinall([gevent.spawn(sleep, connection, 0.5) for connection in connections], raise_error=True)
    assert [sleeper.value for sleeper in sleepers] == [[(1,)], [(1,)]]
    assert 0.5 <= time.monotonic() - began < 0.9


def test_a_server_that_stops_answering_times_out_and_its_connection_is_closed(connections, monkeypatch):
    monkeypatch.setattr(worker, "HANGS", 0.2)
    began = time.monotonic()
    with pytest.raises(psycopg2.OperationalError, match="no answer in time"):
        gevent.spawn(sleep, connections[0], 5).get()
    assert time.monotonic() - began < 1
    assert connections[0].closed
    assert sleep(connections[1], 0) == [(1,)]


def test_a_server_that_accepts_a_connection_without_answering_times_out(monkeypatch):
    monkeypatch.setattr(worker, "CONNECT_TIMEOUT", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        began = time.monotonic()
        with pytest.raises(psycopg2.OperationalError, match="no connection in time"):
            psycopg2.connect(host="127.0.0.1", port=listener.getsockname()[1])
        assert time.monotonic() - began < 1


def test_an_error_of_the_server_is_raised_and_the_connection_stays_open(connections):
    with connections[0].cursor() as cursor, pytest.raises(psycopg2.errors.UndefinedTable):
        cursor.execute("SELECT * FROM nothing")
    assert not connections[0].closed


def test_a_greenlet_whose_answer_has_arrived_is_not_interrupted(connections, monkeypatch):
    monkeypatch.setattr(worker, "HANGS", 0.2)
    greenlet = gevent.spawn(lambda: (sleep(connections[0], 0.05) and gevent.sleep(0.3)) or "at work")
    assert greenlet.get() == "at work"
