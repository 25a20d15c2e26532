"""A worker resolves the name of the database while it serves requests. A resolver that hangs does not stop it."""

import json
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.support import live
from tests.support.apps import environment
from tests.support.databases import on_postgresql
from tests.support.dyno import ask, dyno, serving
from tests.support.load import get, run
from tests.support.memory import worker

# Python imports sitecustomize first. In the processes of the server, the resolver of the C library never answers.
HANGS = """
import _socket, time
sleep, ask = time.sleep, _socket.getaddrinfo
def getaddrinfo(host, *args, **kwargs):
    if host in ("slow.example", b"slow.example"):
        sleep(600)
    return ask(host, *args, **kwargs)
_socket.getaddrinfo = getaddrinfo
"""


@pytest.fixture
def hanging(tmp_path):
    """A server with one worker. The resolver hangs for the name of its database."""
    (tmp_path / "sitecustomize.py").write_text(HANGS)
    url = "postgresql://nobody@slow.example/none"
    env = dyno(environment(url), WEB_CONCURRENCY="1", PROXY_COUNT="0", PYTHONPATH=str(tmp_path))
    with serving("exec gunicorn wsgi:app", env, live.ROOT, tmp_path / "log", ready="Booting worker") as server:
        assert ask(server, "/healthz")[0] == 200
        yield server


def test_a_resolver_that_hangs_affects_only_requests_that_need_the_database(hanging):
    pid = worker(hanging)
    with ThreadPoolExecutor(1) as pool:
        waits = pool.submit(ask, hanging, "/bakeries/")
        healthy = 0
        while not waits.done():
            assert ask(hanging, "/healthz")[0] == 200
            healthy += 1
    status, headers, body = waits.result()
    assert (status, headers["Retry-After"]) == (503, "5")
    assert json.loads(body)["status"] == 503
    assert healthy > 5
    assert [answer.status for answer in run(hanging.port, get("/readyz"), connections=40, count=80)] == [503] * 80
    assert worker(hanging) == pid


@on_postgresql
def test_a_worker_resolves_a_name_after_its_master_did(migrated_url, tmp_path):
    """A fork does not inherit the threads of the master that query the resolver."""
    by_name = migrated_url.set(host="localhost")
    env = dyno(environment(by_name), WEB_CONCURRENCY="1", PROXY_COUNT="0")
    with serving("exec gunicorn wsgi:app", env, live.ROOT, tmp_path / "log", ready="Booting worker") as server:
        assert {answer.status for answer in run(server.port, get("/bakeries/"), count=50)} == {200}
