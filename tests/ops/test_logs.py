"""The content and the format of the log."""

import json
import logging
import logging.config
import re
import timeit
from functools import partial

import pytest

from app.keys import new_key
from app.ops import logs
from tests.conftest import ADMIN_KEY, SALT
from tests.support.factories import make_feedstock, make_key


@pytest.fixture
def lines(caplog):
    """A function that returns the log fields of all requests so far."""
    caplog.set_level(logging.INFO, "app.requests")
    return lambda: [vars(record) for record in caplog.records if record.name == "app.requests"]


@pytest.fixture
def printed(capsys):
    """A function that returns the log output of a call, in the format of a deployed server or not."""

    def printed(deployed, call):
        logging.config.dictConfig(logs.configuration(deployed))
        call()
        return capsys.readouterr().out

    root = logging.getLogger()
    before = root.handlers[:], root.level
    yield printed
    root.handlers[:], root.level = before
    for name in ("gunicorn.error", "alembic"):
        logging.getLogger(name).handlers.clear()
        logging.getLogger(name).propagate = True


def test_a_request_is_logged_in_one_line_with_all_fields(client, lines):
    client.get("/recipe_runs/999?fields=id", headers={"X-Request-ID": "mine"})
    (line,) = lines()
    expected = {"method": "GET", "route": "/recipe_runs/<id:id>", "path": "/recipe_runs/999", "status": 422}
    expected |= {"key": None, "request_id": "mine", "address": "127.0.0.1"}
    assert {name: line[name] for name in expected} == expected
    assert 0 < line["ms"] < 10_000


def test_the_key_is_named_by_its_label(app, admin, lines):
    make_key(app, "secret-of-ci", label="ci")
    app.test_client().post("/feedstocks", json={"spec": "a/b"}, headers={"X-API-Key": "secret-of-ci"})
    admin.delete("/feedstocks/999")
    assert [line["key"] for line in lines()] == ["ci", "admin"]


@pytest.mark.parametrize(
    ("path", "route"),
    [("/", "/"), ("/feedstocks", "/feedstocks"), ("/feedstocks/", "/feedstocks"), ("/nope/1", "none")],
)
def test_a_route_is_a_pattern_and_not_a_path(client, lines, path, route):
    client.get(path)
    assert [(line["path"], line["route"]) for line in lines()] == [(path, route)]


@pytest.mark.parametrize("method", ["HEAD", "OPTIONS", "PUT"])
def test_every_method_is_logged_once(client, lines, method):
    client.open("/feedstocks", method=method)
    assert [line["method"] for line in lines()] == [method]


def test_an_answer_of_304_is_logged_with_its_status(app, client, lines):
    path = f"/feedstocks/{make_feedstock(app).id}"
    client.get(path, headers={"If-None-Match": client.get(path).headers["ETag"]})
    assert [line["status"] for line in lines()] == [200, 304]


def test_a_bug_is_logged_with_its_traceback_under_the_same_id(app, client, lines, caplog, monkeypatch):
    monkeypatch.setitem(app.view_functions, "probes.healthz", lambda: 1 / 0)
    client.get("/healthz", headers={"X-Request-ID": "bug"})
    (bug,) = [record for record in caplog.records if record.name == "app.web.problems"]
    assert (bug.getMessage(), bug.request_id, bug.exc_info[0]) == ("unexpected error", "bug", ZeroDivisionError)
    assert [(line["status"], line["request_id"]) for line in lines()] == [(500, "bug")]


def test_a_streamed_answer_is_logged_after_it_was_sent(app, client, lines, monkeypatch):
    monkeypatch.setitem(app.view_functions, "probes.healthz", lambda: ((part for part in "abc"), 203))
    with client.get("/healthz") as response:
        assert lines() == []
        assert response.data == b"abc"
    assert [line["status"] for line in lines()] == [203]


def test_no_line_has_a_query_a_body_a_key_or_a_digest(app, client, printed):
    def call():
        headers = {"X-API-Key": ADMIN_KEY, "Authorization": f"Bearer {ADMIN_KEY}"}
        client.post("/feedstocks?token=hunter2", json={"spec": "hunter3"}, headers=headers)
        client.get("/feedstocks?token=hunter2", headers=headers)

    out = printed(True, call)
    assert len(out.splitlines()) == 2
    for secret in ("hunter2", "hunter3", ADMIN_KEY, SALT, app.config["ADMIN_API_KEY_SHA256"]):
        assert secret not in out


@pytest.mark.parametrize("path", ["/api-keys/{}", "/api-keys/{}/rotate", "/nope-{}"])
def test_a_key_that_was_sent_as_an_id_is_masked(client, printed, path):
    key = new_key()
    out = printed(True, lambda: client.delete(path.format(key)))
    assert json.loads(out)["path"] == path.format("pfk_***")
    assert key not in out


def test_a_deployed_server_logs_json(client, printed):
    line = json.loads(printed(True, lambda: client.get("/nope", headers={"X-Request-ID": "mine"})))
    assert re.fullmatch(r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+\+00:00", line.pop("time"))
    assert line.pop("ms") > 0
    expected = {"level": "INFO", "logger": "app.requests", "message": "request", "method": "GET", "route": "none"}
    expected |= {"path": "/nope", "status": 404, "key": None, "request_id": "mine", "address": "127.0.0.1"}
    assert line == expected


def test_a_server_at_a_terminal_logs_names_and_values(client, printed):
    line = printed(False, lambda: client.get("/nope", headers={"X-Request-ID": "mine"}))
    fields = r"method=GET route=none path=/nope status=404 request_id=mine address=127\.0\.0\.1 ms=[\d.]+"
    assert re.fullmatch(rf"\d\d:\d\d:\d\d INFO request {fields}\n", line)


@pytest.mark.parametrize("deployed", [True, False])
def test_a_path_cannot_forge_a_line(client, printed, deployed):
    out = printed(deployed, lambda: client.get("/x%0A12:00:00 INFO forged%20status=200"))
    assert len(out.splitlines()) == 1
    assert r"\n12:00:00 INFO forged status=200" in out


def test_a_traceback_in_json_is_one_line(printed):
    def call():
        try:
            raise ValueError("broken")
        except ValueError:
            logging.getLogger("app.web.problems").exception("unexpected error")

    assert json.loads(printed(True, call))["exc_info"].endswith("ValueError: broken")
    assert printed(False, call).splitlines()[-1] == "ValueError: broken"


@pytest.mark.parametrize("deployed", [True, False])
def test_a_log_line_takes_less_than_100_microseconds(printed, deployed):
    fields = {"method": "GET", "route": "/recipe_runs/<id:id>", "path": "/recipe_runs/1", "status": 200, "ms": 1.5}
    seconds = []
    logger = logging.getLogger("app.requests")
    log = partial(logger.info, "request", extra=fields)
    printed(deployed, lambda: seconds.extend(timeit.repeat(log, number=20, repeat=200)))
    assert min(seconds) / 20 < 100e-6  # about 10 on an idle machine
