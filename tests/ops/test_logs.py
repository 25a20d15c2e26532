"""The content and the format of the log."""

import json
import logging
import logging.config
import re
import sys
from collections import Counter
from functools import partial
from urllib.parse import quote

import pytest

from app.ops import logs
from tests.support.apps import ADMIN_KEY, SALT, application
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
@pytest.mark.parametrize(
    ("key", "mask"), [("pfk_" + "a1" * 18, "pfk_***"), ("0f" * 16, "***"), ("whsec_" + "a+b" * 14 + "c=", "***")]
)
def test_a_key_that_was_sent_as_an_id_is_masked(client, printed, path, key, mask):
    out = printed(True, lambda: client.delete(path.format(key)))
    assert json.loads(out)["path"] == path.format(mask)
    assert key not in out


# Control characters, and characters that change the direction or the lines of text.
UNSAFE = [
    *map(chr, range(32)),
    "\x7f",
    "\x85",
    "\x9b",
    *"\u061c\u200e\u202a\u202e\u2028\u2029\u2066\u2069\ufeff\U000e0041",
]


@pytest.mark.parametrize("deployed", [True, False])
@pytest.mark.parametrize("char", UNSAFE, ids=ascii)
def test_a_character_that_does_not_print_as_itself_is_escaped(client, printed, deployed, char):
    out = printed(deployed, lambda: client.get(quote(f"/x{char}y é 漢"), headers={"X-Request-ID": "mine"}))
    assert char not in out[:-1]
    assert "y é 漢" in out
    path = json.loads(out)["path"] if deployed else json.loads(re.search('path=(".*") status', out)[1])
    assert path == f"/x{char}y é 漢"


@pytest.mark.parametrize("deployed", [True, False])
def test_a_message_and_a_traceback_are_escaped(printed, deployed):
    def call():
        try:
            raise ValueError("bro\u202eken")
        except ValueError:
            logging.getLogger("app.web.problems").exception("unex\u202epected\nerror")

    out = printed(deployed, call)
    assert "\u202e" not in out
    assert r"bro\u202eken" in out
    assert r"unex\u202epected\nerror" in out


def test_the_address_from_a_proxy_is_escaped(migrated_url, printed):
    with application(migrated_url, PROXY_COUNT="1") as app:
        headers = {"X-Forwarded-For": "1.2.3.4\x9b"}
        assert "\x9b" not in printed(True, lambda: app.test_client().get("/healthz", headers=headers))


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
def test_a_log_line_takes_few_calls(printed, deployed):
    fields = {"method": "GET", "route": "/recipe_runs/<id:id>", "path": "/recipe_runs/1", "status": 200, "ms": 1.5}
    log = partial(logging.getLogger("app.requests").info, "request", extra=fields)
    events = Counter()

    def counted():
        log()  # the first one fills caches
        sys.setprofile(lambda _frame, event, _argument: events.update([event]))
        log()
        sys.setprofile(None)

    printed(deployed, counted)
    # Of Python and of C: 106 and 133. A time would depend on how busy the machine is.
    assert 20 < events["call"] + events["c_call"] < 200
