"""Requests of a worker wait side by side for PostgreSQL, and for no longer than they may."""

import socket
import time
from contextlib import closing
from itertools import chain

import gevent
import gevent.socket
import psycopg2
import pytest
from gunicorn.config import Config
from psycopg2 import extensions

from app.serving import connection, worker
from app.serving.worker import wait_for_database


@pytest.fixture(autouse=True)
def cooperative():
    """As gunicorn.conf.py has it, and a worker that looks ten times a second."""
    extensions.set_wait_callback(wait_for_database)
    looks = gevent.spawn(look)
    yield
    looks.kill()
    extensions.set_wait_callback(None)


def look():
    while True:
        worker.give_up()
        gevent.sleep(0.1)


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


def test_while_one_waits_for_an_answer_another_is_at_work(connections):
    began = time.monotonic()
    sleepers = gevent.joinall([gevent.spawn(sleep, connection, 0.5) for connection in connections], raise_error=True)
    assert [sleeper.value for sleeper in sleepers] == [[(1,)], [(1,)]]
    assert 0.5 <= time.monotonic() - began < 0.9


def test_a_server_that_answers_no_more_is_given_up_with_its_connection(connections, monkeypatch):
    monkeypatch.setattr(worker, "HANGS", 0.2)
    began = time.monotonic()
    with pytest.raises(psycopg2.OperationalError, match="no answer in time"):
        gevent.spawn(sleep, connections[0], 5).get()
    assert time.monotonic() - began < 1
    assert connections[0].closed
    assert not worker.waiting
    assert sleep(connections[1], 0) == [(1,)]


def test_a_server_that_takes_a_connection_and_says_nothing_is_given_up(monkeypatch):
    monkeypatch.setattr(worker, "CONNECT_TIMEOUT", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        began = time.monotonic()
        with pytest.raises(psycopg2.OperationalError, match="no connection in time"):
            psycopg2.connect(host="127.0.0.1", port=listener.getsockname()[1])
        assert time.monotonic() - began < 1


def test_what_the_server_says_of_a_statement_is_raised_as_ever(connections):
    with connections[0].cursor() as cursor, pytest.raises(psycopg2.errors.UndefinedTable):
        cursor.execute("SELECT * FROM nothing")
    assert not connections[0].closed


def test_a_client_is_let_go_once_it_has_been_idle_for_so_long():
    near, far = gevent.socket.socketpair()
    with closing(near), closing(far):
        received = gevent.spawn(connection.Receiver(near).recv, 100)
        gevent.sleep(0.2)
        connection.release(10, 1000)
        gevent.sleep(0.01)
        assert not received.ready()
        connection.release(0.1, 1000)
        assert received.get(timeout=1) == b""
        assert not connection.idle


def test_a_connection_that_never_sends_anything_is_closed_long_before_one_that_has(monkeypatch):
    monkeypatch.setattr(connection, "FIRST_BYTE", 0.1)
    near, far = gevent.socket.socketpair()
    with closing(near), closing(far):
        received = gevent.spawn(connection.Receiver(near).recv, 100)
        gevent.sleep(0.2)
        connection.release(100, 1000)
        assert received.get(timeout=60) == b""


def test_of_too_many_idle_connections_the_longest_idle_is_closed():
    pairs = [gevent.socket.socketpair() for _ in range(3)]
    received = [gevent.spawn(connection.Receiver(near).recv, 100) for near, _ in pairs]
    gevent.sleep(0.01)
    connection.release(100, 3)
    assert received[0].get(timeout=60) == b""
    assert [greenlet.ready() for greenlet in received] == [True, False, False]
    connection.release(0, 3)
    gevent.joinall(received)
    for end in chain(*pairs):
        end.close()


def test_a_client_that_has_sent_something_is_not_let_go():
    near, far = gevent.socket.socketpair()
    with closing(near), closing(far):
        receiver = connection.Receiver(near)
        far.sendall(b"GET")
        assert receiver.recv(100) == b"GET"
        more = gevent.spawn(receiver.recv, 100)
        gevent.sleep(0.01)
        connection.release(0, 1000)
        far.sendall(b" / HTTP/1.1")
        assert more.get(timeout=1) == b" / HTTP/1.1"


def test_one_whose_answer_has_come_meanwhile_is_left_alone(connections):
    greenlet = gevent.spawn(lambda: (sleep(connections[0], 0.05) and gevent.sleep(0.3)) or "at work")
    gevent.sleep(0.02)
    end = worker.waiting[greenlet]
    gevent.sleep(0.1)
    gevent.get_hub().loop.run_callback(worker._throw, greenlet, end)
    assert greenlet.get() == "at work"


def test_the_body_of_a_request_that_came_with_another_has_its_deadline(monkeypatch):
    monkeypatch.setattr(connection, "REQUEST_TIMEOUT", 0.2)
    near, far = gevent.socket.socketpair()
    with closing(near), closing(far):
        far.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\nPOST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n")
        requests = connection.Parser(Config(), near, ("127.0.0.1", 1))
        assert [next(requests).method for _ in range(2)] == ["GET", "POST"]
        body = gevent.spawn(requests.mesg.body.read, 9)
        gevent.sleep(0.01)
        assert not connection.idle
        with pytest.raises(TimeoutError):
            body.get()
