"""One worker under load, on PostgreSQL: clients are served or get 503, and its memory is bounded.

`make proofs` has the long versions (tests/proofs/growth.py).
"""

import json
import socket
import time
from contextlib import ExitStack, closing, suppress
from select import select

import pytest

from config import BODY_BUDGET, MAX_BULK_BODY
from tests.support import live, postgres
from tests.support.apps import ADMIN_KEY, environment, seed
from tests.support.dyno import ask, dyno, serving
from tests.support.load import get, run
from tests.support.memory import forget_peak, peak, resident, worker
from tests.test_heroku import locked

CONNECTIONS = 250  # the limit of the worker
LONG_HEAD = b"GET / HTTP/1.1\r\n" + (b"X: " + b"x" * 8000 + b"\r\n") * 90
BULK = f"POST /recipe_runs/bulk HTTP/1.1\r\nHost: x\r\nX-API-Key: {ADMIN_KEY}\r\nContent-Type: application/json\r\n"


@pytest.fixture(scope="module")
def database(postgres_server, postgresql_template):
    """The URL of the example catalogue."""
    with postgres.database(postgres_server, postgresql_template) as url:
        seed(url)
        yield url


@pytest.fixture(scope="module")
def one_worker(database, tmp_path_factory):
    """A server whose one worker has already answered requests."""
    arguments = f"--access-logfile - --worker-connections {CONNECTIONS}"
    env = dyno(environment(database), WEB_CONCURRENCY="1", PROXY_COUNT="0", GUNICORN_CMD_ARGS=arguments)
    with serving("exec gunicorn wsgi:app", env, live.ROOT, tmp_path_factory.mktemp("crowd") / "log") as server:
        run(server.port, get("/readyz"), get("/recipe_runs/"), count=100)
        yield server


@pytest.fixture
def clients(one_worker):
    """A function that opens connections. They are closed at the end of the test."""
    with ExitStack() as stack:
        yield lambda count: [
            stack.enter_context(closing(socket.create_connection(("127.0.0.1", one_worker.port), timeout=60)))
            for _ in range(count)
        ]


def grown(server, act):
    """By how many MB the memory of the worker grows at most during `act()`."""
    pid = worker(server)
    forget_peak(pid)
    before, _ = resident(pid)
    act()
    return peak(pid) - before


def test_two_hundred_connections_to_one_worker_are_all_served(one_worker):
    answers = run(one_worker.port, get("/recipe_runs/?limit=1"), connections=200, count=400)
    assert [answer.status for answer in answers] == [200] * 400


def test_a_crowd_that_cannot_be_served_gets_503_before_the_router_times_out(one_worker, database):
    with locked(database, "bakery"):
        answers = run(one_worker.port, get("/bakeries/"), connections=200, count=200)
    assert [answer.status for answer in answers] == [503] * 200
    assert all("\nretry-after: 5" in answer.headers.lower() for answer in answers)
    assert max(answer.seconds for answer in answers) < 30
    assert ask(one_worker, "/bakeries/")[0] == 200


def test_idle_connections_beyond_the_limit_do_not_delay_others(one_worker, clients):
    idle = []
    for _ in range(CONNECTIONS + 20):
        [client] = clients(1)
        idle.append(client)
        client.sendall(get("/healthz"))
        assert client.recv(12) == b"HTTP/1.1 200"
    assert ask(one_worker, "/healthz")[0] == 200
    idle[0].settimeout(60)  # less than `keepalive`
    while idle[0].recv(4096):
        pass


def test_long_heads_are_refused_and_take_little_memory(one_worker, clients):
    def send():
        for client in clients(200):
            with suppress(ConnectionError):  # the worker refuses the head before it is complete
                client.sendall(LONG_HEAD)
            assert client.recv(12) == b"HTTP/1.1 431"

    assert grown(one_worker, send) < 40


def test_incomplete_heads_take_little_memory(one_worker, clients):
    def send():
        for client in clients(200):
            client.sendall(LONG_HEAD[:32_000])
        time.sleep(2)

    assert grown(one_worker, send) < 60


def test_bodies_beyond_the_budget_of_a_worker_are_503(one_worker, clients):
    """All clients send an invalid body except its last byte. Once most are refused, they complete the bodies."""
    head = f"{BULK}Content-Length: {MAX_BULK_BODY}\r\n\r\n".encode()
    answers, room = [], BODY_BUDGET // MAX_BULK_BODY

    def send():
        senders = clients(40)
        for client in senders:
            client.sendall(head + b" " * (MAX_BULK_BODY - 1))
        live.wait_until(lambda: len(select(senders, [], [], 0)[0]) == 40 - room)
        for client in senders:
            client.sendall(b"x")
            answers.append(client.recv(4096))

    assert grown(one_worker, send) < 3 * BODY_BUDGET / 1e6
    refused = [answer for answer in answers if answer.startswith(b"HTTP/1.1 503")]
    assert len(refused) == 40 - room
    assert all(b"\r\nRetry-After: 5\r\n" in answer for answer in refused)
    assert json.loads(refused[0].partition(b"\r\n\r\n")[2])["status"] == 503


def test_the_budget_is_released_when_a_client_disconnects(one_worker, clients):
    """More clients than the budget has room for disconnect in the middle of a body, one after the other."""
    for _ in range(6):
        [client] = clients(1)
        client.sendall(f"{BULK}Content-Length: {MAX_BULK_BODY}\r\n\r\n[".encode())
        client.shutdown(socket.SHUT_WR)
        assert client.recv(12) == b"HTTP/1.1 408"
    [client] = clients(1)
    client.sendall(f"{BULK}Content-Length: {MAX_BULK_BODY}\r\n\r\n".encode() + b" " * MAX_BULK_BODY)
    assert client.recv(12) == b"HTTP/1.1 400"
