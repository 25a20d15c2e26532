"""Logs of runs: who may read them, how they are sent, what is kept."""

from datetime import datetime
from unittest.mock import ANY

import orjson
import pytest

from app.models.run_logs import LINE_SIZE, SIZE_MAX, SLACK
from tests.support.apps import client_with
from tests.support.factories import make_bakery, make_key, make_run

NDJSON = "application/x-ndjson"
NO_KEY = "Not authenticated."


@pytest.fixture
def run(app):
    return make_run(app, is_test=True)


def send(client, run, text, content_type="text/plain", **headers):
    return client.post(f"/recipe_runs/{run.id}/logs", data=text, content_type=content_type, headers=headers)


def read(client, run, query=""):
    response = client.get(f"/recipe_runs/{run.id}/logs{query}")
    assert response.status_code == 200
    return response.json


def messages(client, run, query=""):
    return [line["message"] for line in read(client, run, query)["logs"]]


def test_a_run_without_a_log_has_no_lines(client, run):
    expected = {"logs": [], "first": 0, "next": 0, "total": 0, "cut_lines": 0, "log_url": None}
    assert read(client, run) == expected


def test_lines_of_text_are_appended(client, writer, run):
    assert send(writer, run, "one\ntwo\r\n").json == {"lines": 2, "bytes": 6 + 2 * LINE_SIZE, "cut_lines": 0}
    assert send(writer, run, "\nthree").json["lines"] == 4
    body = read(client, run)
    assert [line["message"] for line in body["logs"]] == ["one", "two", "", "three"]
    assert body["logs"][0] == {"timestamp": ANY, "level": "info", "message": "one"}
    assert (body["first"], body["next"], body["total"]) == (0, 4, 4)


def test_lines_of_json_have_a_time_and_a_level(client, writer, run):
    lines = '{"timestamp":"2022-03-03T04:29:54.5+02:00","level":"ERROR","message":"a\\nb"}\n\n{"message":"c"}'
    assert send(writer, run, lines, NDJSON).status_code == 200
    first, second = read(client, run)["logs"]
    assert first == {"timestamp": "2022-03-03T02:29:54.500000Z", "level": "error", "message": "a\nb"}
    assert datetime.fromisoformat(second["timestamp"]).year >= 2026
    assert second["level"] == "info"


@pytest.mark.parametrize(
    ("line", "pointer", "detail"),
    [
        ("nope", "/2", "line 2: It is not valid JSON"),
        ("[1]", "/2", "line 2: Invalid input type."),
        ('{"level":"info"}', "/2/message", "line 2: message: Missing data for required field."),
        ('{"message":1}', "/2/message", "line 2: message: Not a valid string."),
        ('{"message":"a","exc_info":"b"}', "/2/exc_info", "line 2: exc_info: Unknown field."),
        ('{"message":"a","timestamp":"now"}', "/2/timestamp", "line 2: timestamp: Must be an RFC 3339 timestamp"),
    ],
)
def test_a_wrong_line_of_json_is_422_and_nothing_is_stored(writer, run, line, pointer, detail):
    response = send(writer, run, '{"message":"fine"}\n' + line, NDJSON)
    assert response.status_code == 422
    [error] = response.json["errors"]
    assert (error["in"], error["pointer"]) == ("body", pointer)
    assert error["detail"].startswith(detail)
    assert messages(writer, run) == []


@pytest.mark.parametrize("media_type", ["application/json", "application/x-www-form-urlencoded"])
def test_another_media_type_is_415_and_the_answer_says_what_to_send(writer, run, media_type):
    response = send(writer, run, "a", media_type)
    assert response.status_code == 415
    assert "text/plain" in response.json["detail"]
    assert NDJSON in response.json["detail"]


def test_bytes_that_are_no_text_do_not_lose_the_rest(client, writer, run):
    send(writer, run, b"a\xff\x00b\n\x1b[31mred\x1b[0m")
    assert messages(client, run) == ["a\ufffd\ufffdb", "red"]


def test_secrets_are_masked_before_they_are_stored(app, client, run):
    key = "a-key-without-any-form"
    make_key(app, key)
    send(client_with(app, key), run, f"using {key}\npassword=hunter2!")
    assert messages(client, run) == ["using ***", "password=***"]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("?tail=2", ["3", "4"]),
        ("?offset=3", ["3", "4"]),
        ("?offset=1&limit=2", ["1", "2"]),
        ("?limit=0", []),
        ("?offset=99", []),
        ("?level=error", ["1", "3"]),
        ("?level=error,debug", ["1", "3"]),
        ("?level=error&tail=1", ["3"]),
    ],
)
def test_a_part_of_the_log_can_be_read(client, writer, run, query, expected):
    levels = ("info", "error")
    lines = (f'{{"level":"{levels[number % 2]}","message":"{number}"}}' for number in range(5))
    send(writer, run, "\n".join(lines), NDJSON)
    assert messages(client, run, query) == expected


def test_next_is_where_later_lines_will_be(client, writer, run):
    send(writer, run, "a\nb\nc")
    first = read(client, run, "?limit=2")
    assert (first["first"], first["next"]) == (0, 2)
    second = read(client, run, f"?offset={first['next']}")
    assert ([line["message"] for line in second["logs"]], second["next"]) == (["c"], 3)
    send(writer, run, "d")
    assert messages(client, run, f"?offset={second['next']}") == ["d"]


@pytest.mark.parametrize("query", ["?tail=1&limit=1", "?tail=1&offset=1"])
def test_a_tail_of_a_page_is_422(client, run, query):
    response = client.get(f"/recipe_runs/{run.id}/logs{query}")
    assert (response.status_code, response.json["errors"][0]["pointer"]) == (422, "/tail")


@pytest.mark.parametrize(
    ("query", "accept", "body"),
    [
        ("?format=text", "*/*", "a\né\n"),
        ("", "text/plain", "a\né\n"),
        ("?format=ndjson", "*/*", None),
        ("", NDJSON, None),
        ("?format=text&tail=1", "*/*", "é\n"),
    ],
)
def test_a_log_can_be_read_as_text_or_with_an_object_a_line(client, writer, run, query, accept, body):
    send(writer, run, "a\né")
    response = client.get(f"/recipe_runs/{run.id}/logs{query}", headers={"Accept": accept})
    if body is None:
        found = [line["message"] for line in map(orjson.loads, response.data.splitlines())]
        assert (found, response.mimetype) == (["a", "é"], NDJSON)
    else:
        assert (response.get_data(as_text=True), response.mimetype) == (body, "text/plain")
    assert response.vary == {"Accept"} or "Accept" in response.vary


@pytest.mark.parametrize(
    ("given", "status", "body", "content_range"),
    [
        ("bytes=0-2", 206, b"012", "bytes 0-2/11"),
        ("bytes=-3", 206, b"89\n", "bytes 8-10/11"),
        ("bytes=99-", 416, None, "bytes */11"),
        ("lines=1-", 200, b"0123456789\n", None),
    ],
)
def test_a_range_of_the_text_can_be_read(client, writer, run, given, status, body, content_range):
    send(writer, run, "0123456789")
    response = client.get(f"/recipe_runs/{run.id}/logs?format=text", headers={"Range": given})
    assert (response.status_code, response.headers.get("Content-Range")) == (status, content_range)
    assert body is None or response.data == body


@pytest.mark.parametrize("query", ["", "?format=text"])
def test_an_unchanged_log_is_304(client, writer, run, query):
    send(writer, run, "a")
    tag = client.get(f"/recipe_runs/{run.id}/logs{query}").headers["ETag"]
    again = client.get(f"/recipe_runs/{run.id}/logs{query}", headers={"If-None-Match": tag})
    assert (again.status_code, again.data) == (304, b"")
    send(writer, run, "b")
    assert client.get(f"/recipe_runs/{run.id}/logs{query}", headers={"If-None-Match": tag}).status_code == 200


def test_the_newest_mebibyte_is_kept_and_the_answers_say_what_was_cut(client, writer, run):
    line = "x" * (1024 - LINE_SIZE)
    for _ in range(3):
        sent = send(writer, run, f"{line}\n" * 500).json
    assert SIZE_MAX - 1024 <= sent["bytes"] <= SIZE_MAX + SLACK
    assert sent["lines"] == 1500
    body = read(client, run)
    assert (body["first"], body["cut_lines"], body["total"]) == (sent["cut_lines"], 1500 - sent["bytes"] // 1024, 1500)
    text = client.get(f"/recipe_runs/{run.id}/logs?format=text").get_data(as_text=True)
    assert text.startswith(f"[The first {sent['cut_lines']} lines were cut.]\n")


def test_a_body_of_many_short_lines_keeps_the_newest(client, writer, run):
    sent = send(writer, run, "\n" * 100_000 + "last").json
    assert (sent["lines"], sent["bytes"] <= SIZE_MAX) == (100_001, True)
    assert messages(client, run, "?tail=1") == ["last"]


def test_a_repeated_request_with_an_idempotency_key_appends_once(client, writer, run):
    answers = [send(writer, run, "a", **{"Idempotency-Key": "k"}) for _ in range(2)]
    assert answers[0].data == answers[1].data
    assert messages(client, run) == ["a"]


def test_an_empty_body_appends_nothing(writer, run):
    assert send(writer, run, "").json == {"lines": 0, "bytes": 0, "cut_lines": 0}


def test_the_log_of_a_production_run_requires_a_key(app, client, writer):
    run = make_run(app, is_test=False)
    send(writer, run, "a")
    response = client.get(f"/recipe_runs/{run.id}/logs")
    assert (response.status_code, response.json["detail"].startswith(NO_KEY)) == (403, True)
    assert client.get(f"/recipe_runs/{run.id}/logs", headers={"X-API-Key": "wrong"}).status_code == 401
    allowed = writer.get(f"/recipe_runs/{run.id}/logs")
    assert (allowed.status_code, allowed.headers["Cache-Control"]) == (200, "private, no-cache")


def test_a_setting_publishes_all_logs(app_with):
    app = app_with(PUBLIC_LOGS="1")
    run = make_run(app, is_test=False)
    assert app.test_client().get(f"/recipe_runs/{run.id}/logs").status_code == 200


def test_the_use_of_a_key_to_read_a_log_is_recorded(app, admin):
    created = admin.post("/api-keys", json={}).json
    run = make_run(app, is_test=False)
    assert client_with(app, created["key"]).get(f"/recipe_runs/{run.id}/logs").status_code == 200
    assert admin.get(f"/api-keys/{created['id']}").json["last_used_at"]


def test_a_key_of_another_bakery_may_not_append(app, admin, run):
    key = admin.post("/api-keys", json={"label": "x", "scopes": [f"bakery:{make_bakery(app).id}"]}).json["key"]
    assert send(client_with(app, key), run, "a").status_code == 403
    assert send(app.test_client(), run, "a").status_code == 403


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_the_log_of_a_missing_run_is_404(writer, method):
    response = writer.open("/recipe_runs/99/logs", method=method, data="a", content_type="text/plain")
    assert (response.status_code, response.json["detail"]) == (404, "recipe run 99 not found")


def test_the_log_is_deleted_with_its_run(app, writer, run):
    send(writer, run, "a")
    assert writer.delete(f"/recipe_runs/{run.id}").status_code == 200


def test_a_bakery_says_where_its_logs_are(app, client, writer):
    template = "https://logs.org/{recipe_id}?run={run_id}&at={head_sha}"
    bakery = make_bakery(app)
    assert writer.patch(f"/bakeries/{bakery.id}", json={"log_url": template}).json["log_url"] == template
    run = make_run(app, bakery_id=bakery.id, recipe_id="a/b ☂", head_sha="main", is_test=True)
    assert read(client, run)["log_url"] == f"https://logs.org/a%2Fb%20%E2%98%82?run={run.id}&at=main"


def test_a_blank_in_the_address_of_a_log_is_encoded(app, client, writer):
    bakery = make_bakery(app, log_url="https://logs.org/?q=run AND {recipe_id}")
    run = make_run(app, bakery_id=bakery.id, recipe_id="a b", is_test=True)
    assert read(client, run)["log_url"] == "https://logs.org/?q=run%20AND%20a%20b"


@pytest.mark.parametrize(
    "template",
    ["http://logs.org/", "https://", "https://{run_id}.org/", "https://a.org/{id}", "https://a.org/{run_id", "a}b"],
)
def test_another_template_is_422(app, writer, template):
    bakery = make_bakery(app)
    assert writer.patch(f"/bakeries/{bakery.id}", json={"log_url": template}).status_code == 422
