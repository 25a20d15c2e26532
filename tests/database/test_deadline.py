"""Requests end after REQUEST_TIMEOUT. A slow body is 408, and a statement that would begin later is 503."""

import socket
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from urllib.parse import urlsplit

import pytest
from flask import g
from sqlalchemy import text

from app.database import deadline
from app.extensions import db
from app.serving import connection
from config import REQUEST_TIMEOUT, STATEMENT_TIMEOUT
from tests.support import live
from tests.support.apps import ADMIN_KEY

HEAD = f"POST /feedstocks/ HTTP/1.1\r\nHost: x\r\nX-API-Key: {ADMIN_KEY}\r\nContent-Type: application/json\r\n"
ENDLESS = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT max(i) FROM n"
LATE = "The request has taken longer than 0.2 seconds. Try again in a few seconds."


@pytest.fixture
def short_deadline(monkeypatch):
    """The time limit of requests is 0.2 seconds."""
    monkeypatch.setattr(deadline, "REQUEST_TIMEOUT", 0.2)
    monkeypatch.setattr(connection, "REQUEST_TIMEOUT", 0.2)


def trickle(address, start, piece):
    """Send `start`, then one `piece` a second. Return the answer and the seconds until the connection was closed."""
    parts, started, answer = urlsplit(address), time.monotonic(), b""
    with closing(socket.create_connection((parts.hostname, parts.port), timeout=live.PATIENCE)) as connection:
        connection.sendall(start.encode())
        connection.settimeout(1)
        with suppress(ConnectionError):  # data that is sent to a closed connection resets it
            while time.monotonic() < started + live.PATIENCE:
                connection.sendall(piece)
                with suppress(TimeoutError):
                    if not (part := connection.recv(65536)):
                        break
                    answer += part
    return answer.decode(), time.monotonic() - started


def test_a_head_or_a_body_of_a_byte_a_second_is_ended_at_the_deadline(service):
    requests = [
        (HEAD, b"X"),
        (f"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n{HEAD}", b"X"),
        (f"{HEAD}Content-Length: 100\r\n\r\n", b" "),
        (f"{HEAD}Transfer-Encoding: chunked\r\n\r\n", b"1\r\n \r\n"),
    ]
    with ThreadPoolExecutor(len(requests)) as pool:
        (head, *_), (second, *_), *bodies = answers = list(
            pool.map(lambda request: trickle(service, *request), requests)
        )
    assert all(REQUEST_TIMEOUT - 1 < seconds < REQUEST_TIMEOUT + 60 for _, seconds in answers)
    assert head == ""
    assert second.startswith("HTTP/1.1 200 ")
    assert second.count("HTTP/1.1") == 1
    for answer, _ in bodies:
        assert answer.startswith("HTTP/1.1 408 ")
        assert f'"detail":"The body did not arrive whole within {REQUEST_TIMEOUT} seconds."' in answer


def test_no_statement_begins_after_the_deadline(app, client, short_deadline, monkeypatch):
    def view():
        time.sleep(0.3)
        return {"count": db.session.scalar(text("SELECT 1"))}

    monkeypatch.setitem(app.view_functions, "stats.count_bakeries", view)
    response = client.get("/stats/bakeries")
    assert (response.status_code, response.json["detail"]) == (503, LATE)
    assert response.headers["Retry-After"] == "5"


@pytest.mark.parametrize("kind", ["sqlite"], indirect=True)
def test_sqlite_is_interrupted_at_the_deadline(app, client, short_deadline, monkeypatch):
    monkeypatch.setitem(app.view_functions, "stats.count_bakeries", lambda: {"n": db.session.scalar(text(ENDLESS))})
    started = time.monotonic()
    assert client.get("/stats/bakeries").status_code == 503
    assert time.monotonic() - started < REQUEST_TIMEOUT
    assert client.get("/bakeries/").json == []


def test_a_command_has_no_deadline(app, short_deadline):
    with app.app_context():
        time.sleep(0.3)
        assert db.session.scalar(text("SELECT 1")) == 1


def test_the_last_statement_ends_before_the_router_gives_up():
    assert REQUEST_TIMEOUT + STATEMENT_TIMEOUT / 1000 < 30


@pytest.mark.parametrize(("seconds", "milliseconds"), [(0, 3000), (4, 3000), (6, 2000), (9, 100)])
@pytest.mark.parametrize("kind", ["postgresql"], indirect=True)
def test_a_request_that_waited_for_a_connection_waits_less_for_a_lock(app, seconds, milliseconds):
    with app.test_request_context():
        g.started = time.monotonic() - seconds
        shown = db.session.scalar(text("SELECT setting::int FROM pg_settings WHERE name = 'lock_timeout'"))
    assert milliseconds - 2000 < shown <= milliseconds


@pytest.mark.parametrize("kind", ["postgresql"], indirect=True)
def test_a_statement_runs_in_one_process_unless_it_is_about_whole_tables(app):
    shown = text("SELECT current_setting('max_parallel_workers_per_gather')")
    with app.app_context():
        assert db.session.scalar(shown) == "0"
        deadline.lift_limits(db.session.connection())
        assert db.session.scalar(shown) != "0"


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has TCP_USER_TIMEOUT")
def test_an_answer_that_the_client_does_not_read_is_ended_at_the_deadline(short_deadline):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        connection.limit_answers(listener)
        with socket.create_connection(listener.getsockname()), listener.accept()[0] as near:
            started = time.monotonic()
            with pytest.raises(TimeoutError):
                near.sendall(bytes(100_000_000))
            assert time.monotonic() - started < REQUEST_TIMEOUT
