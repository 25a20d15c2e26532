import http.client
import json
import os
import re
import signal
import socket
import time
from contextlib import ExitStack, closing, contextmanager

import pytest
from alembic.script import ScriptDirectory
from sqlalchemy.engine import URL

from app.serving.connection import CLOSE_TIMEOUT
from tests.support import live
from tests.support.apps import environment
from tests.support.databases import application, upgrade
from tests.support.dyno import ask, dyno, run, serving, wait_until
from tests.support.postgres import free_port

HEAD = ScriptDirectory(str(live.ROOT / "migrations")).get_current_head()
ORIGINAL = "0499cef6b57a"  # the revision of the original's databases
OUTDATED = f"The database is at revision {ORIGINAL}, this release needs {HEAD}: run `flask db upgrade`."


@contextmanager
def gunicorn(url, folder, **more):
    """A server of this working tree. Its home directory, log and sockets are below `folder`."""
    env = dyno(environment(url), HOME=str(folder), XDG_RUNTIME_DIR=str(folder), **more)
    with serving("gunicorn wsgi:app", env, live.ROOT, folder / "log") as server:
        yield server


def connect(server):
    return socket.create_connection(("127.0.0.1", server.port), timeout=live.PATIENCE)


@pytest.fixture(scope="module")
def outdated(tmp_path_factory):
    """A server on a database at the original's last revision. It trusts no proxy."""
    folder = tmp_path_factory.mktemp("outdated")
    url = URL.create("sqlite", database=str(folder / "outdated.sqlite"))
    with application(url) as app:
        upgrade(app, ORIGINAL)
    with gunicorn(url, folder, PROXY_COUNT="0") as server:
        yield server


@pytest.fixture(scope="module")
def unreachable(tmp_path_factory):
    """A server whose database does not answer. It trusts two proxies."""
    url = f"postgresql://nobody@127.0.0.1:{free_port()}/none"
    with gunicorn(url, tmp_path_factory.mktemp("unreachable"), PROXY_COUNT="2") as server:
        yield server


@pytest.fixture(scope="module")
def settings():
    """The settings that gunicorn prints, by name. The values are text."""
    env = dyno(environment("sqlite:///test.sqlite"), PORT="5555", WEB_CONCURRENCY="3")
    printed = run("gunicorn --print-config wsgi:app", env)
    assert printed.returncode == 0, printed.stderr
    return {name.strip(): value for name, _, value in (line.partition(" = ") for line in printed.stdout.splitlines())}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("bind", "['0.0.0.0:5555']"),
        ("workers", "3"),
        ("control_socket_disable", "True"),
        ("forwarded_allow_ips", "[]"),
        ("errorlog", "-"),
    ],
)
def test_the_environment_sets_port_and_workers_but_not_the_trusted_proxies(settings, name, value):
    assert settings[name] == value


def test_the_server_keeps_idle_connections_longer_than_the_router(settings):
    assert int(settings["keepalive"]) > 90


def test_a_hung_worker_is_replaced_after_the_time_limit_of_the_router(settings):
    assert int(settings["timeout"]) == 30


def test_a_stopping_server_ends_before_heroku_kills_it(settings):
    assert int(settings["graceful_timeout"]) < 30


def test_a_wrong_number_of_connections_is_one_sentence():
    result = run("gunicorn wsgi:app", dyno(environment("sqlite:///test.sqlite"), WEB_CONNECTIONS="many"))
    assert result.returncode != 0
    assert result.stderr == "pangeo-forge: WEB_CONNECTIONS is 'many'; it must be a whole number from 1 to 9999.\n"


def test_a_server_on_an_outdated_database_logs_it_once(outdated):
    wait_until(lambda: "not ready" in outdated.log.read_text())
    (line,) = [line for line in outdated.log.read_text().splitlines() if "not ready" in line]
    assert line.endswith(f" ERROR not ready: {OUTDATED}")


def test_a_server_on_an_outdated_database_is_alive_but_not_ready(outdated):
    assert ask(outdated, "/healthz")[0] == 200
    status, headers, body = ask(outdated, "/readyz")
    assert (status, headers["Retry-After"], json.loads(body)["detail"]) == (503, "5", OUTDATED)


def test_a_server_without_a_database_logs_it_and_is_alive_but_not_ready(unreachable):
    wait_until(lambda: "not ready: the database does not answer" in unreachable.log.read_text())
    assert ask(unreachable, "/healthz")[0] == 200
    assert ask(unreachable, "/readyz")[0] == 503


def test_a_server_leaves_nothing_in_its_home(outdated):
    ask(outdated, "/healthz")
    assert {path.name.partition(".")[0] for path in outdated.log.parent.iterdir()} == {"log", "outdated"}


def test_a_connection_serves_one_request_after_another(outdated):
    with closing(http.client.HTTPConnection("127.0.0.1", outdated.port, timeout=live.PATIENCE)) as connection:
        connection.connect()
        first = connection.sock
        for _ in range(2):
            connection.request("GET", "/healthz")
            assert connection.getresponse().read() == b'{"status":"ok"}'
        assert connection.sock is first


def test_clients_that_do_not_close_their_side_do_not_delay_others(outdated):
    workers, clients = 2, 20
    began = time.monotonic()
    with ExitStack() as stack:
        for _ in range(clients):
            connection = stack.enter_context(closing(connect(outdated)))
            connection.sendall(b"GET /healthz HTTP/1.0\r\n\r\n")
            assert connection.recv(12) == b"HTTP/1.0 200"
        assert ask(outdated, "/healthz")[0] == 200
    # Closing the clients one after the other would take longer.
    assert time.monotonic() - began < CLOSE_TIMEOUT * clients / workers


def test_a_stopping_server_does_not_wait_for_idle_clients(settings, tmp_path):
    url = URL.create("sqlite", database=str(tmp_path / "idle.sqlite"))
    with gunicorn(url, tmp_path, WEB_CONCURRENCY="1") as server:
        with closing(http.client.HTTPConnection("127.0.0.1", server.port, timeout=live.PATIENCE)) as connection:
            connection.request("GET", "/healthz")
            assert connection.getresponse().read() == b'{"status":"ok"}'
            told = time.monotonic()
            os.kill(server.process.pid, signal.SIGTERM)
            assert connection.sock.recv(1) == b""
        assert server.process.wait(live.PATIENCE) == 0
        assert time.monotonic() - told < int(settings["graceful_timeout"])
        assert "Traceback" not in server.log.read_text()


def test_a_request_is_one_line_in_the_log_with_the_settings_of_the_buildpack(outdated):
    ask(outdated, "/nope/once")
    wait_until(lambda: "/nope/once" in outdated.log.read_text())
    assert outdated.log.read_text().count("/nope/once") == 1


@pytest.mark.parametrize(
    ("head", "reason"),
    [
        (b"GET", "Invalid HTTP request line"),
        (b"GET / HTTP/1.1\r\nX-API-Key: hunter2\r\nX-API-Key hunter2", "Invalid HTTP Header"),
        (b"GET / HTTP/1.1\r\nX-API-Key : hunter2", "Invalid HTTP header name"),
        (b"GET /?" + b"hunter2" * 1200 + b" HTTP/1.1", "Request Line is too large"),
    ],
)
def test_the_log_has_a_refusal_of_gunicorn_without_the_text_of_the_request(outdated, head, reason):
    with closing(connect(outdated)) as connection:
        connection.sendall(head + b"\r\n\r\n")
        assert re.match(rb"HTTP/1\.1 4\d\d", connection.recv(100))
    wait_until(lambda: f"WARNING Invalid request from ip=127.0.0.1: {reason}" in outdated.log.read_text())
    assert "hunter2" not in outdated.log.read_text()


def test_the_line_of_a_refusal_has_the_request_id_of_its_answer(outdated):
    with closing(connect(outdated)) as connection:
        connection.sendall(b"GET / HTTP/1.1\r\nX A: b\r\n\r\n")
        request_id = re.search(rb"X-Request-ID: (\w+)", connection.recv(4096))[1].decode()
    line = f"Invalid request from ip=127.0.0.1: Invalid HTTP header name status=400 request_id={request_id}"
    wait_until(lambda: line in outdated.log.read_text())


def test_forwarded_headers_are_ignored_without_a_trusted_proxy(outdated):
    ask(outdated, "/untrusted", x_forwarded_for="203.0.113.1")
    wait_until(lambda: "path=/untrusted" in outdated.log.read_text())
    assert re.search(r"path=/untrusted .* address=127\.0\.0\.1 ", outdated.log.read_text())


def test_the_logged_address_is_that_seen_by_the_outermost_trusted_proxy(unreachable):
    ask(unreachable, "/proxied", x_forwarded_for="203.0.113.1, 203.0.113.2, 203.0.113.3")
    wait_until(lambda: "path=/proxied" in unreachable.log.read_text())
    assert re.search(r"path=/proxied .* address=203\.0\.113\.2 ", unreachable.log.read_text())
