"""Every error has problem details (RFC 9457), with any status and from any part of the service."""

import logging
from http import HTTPStatus

import pytest
from werkzeug.exceptions import Conflict, default_exceptions

from app.web.auth import NO_KEY, WRONG_KEY
from tests.support.apps import ADMIN_KEY
from tests.support.factories import make_bakery, make_run

KEY = {"X-API-Key": ADMIN_KEY}
ORIGIN = {"Origin": "https://pangeo-forge.org"}
JSON = {"Content-Type": "application/json"}
REQUEST_ID = {"X-Request-ID": "5f0c-8d1e"}
NOT_OURS = "Something went wrong on our side; the request id helps us to find out what."

# One error of each status: method, path, headers and body, then the title and the detail of the answer.
ERRORS = {
    400: (
        ("POST", "/bakeries/", KEY | JSON, b""),
        "Bad Request",
        "The body is not valid JSON: Input is a zero-length, empty document: line 1 column 1 (char 0).",
    ),
    401: (("POST", "/bakeries/", {"X-API-Key": "wrong"}, b"{}"), "Unauthorized", WRONG_KEY),
    403: (("DELETE", "/bakeries/1", {}, b""), "Forbidden", NO_KEY),
    404: (("GET", "/bakeries/99", {}, b""), "Not Found", "bakery 99 not found"),
    405: (
        ("PUT", "/bakeries/", {}, b""),
        "Method Not Allowed",
        "PUT is not possible at /bakeries/, only GET, HEAD, OPTIONS, POST.",
    ),
    413: (
        ("POST", "/bakeries/", KEY | JSON, b" " * (1024 * 1024 + 1)),
        "Request Entity Too Large",
        "The body is larger than 1048576 bytes.",
    ),
    415: (
        ("POST", "/bakeries/", KEY | {"Content-Type": "text/csv"}, b"a,b"),
        "Unsupported Media Type",
        "Send JSON with Content-Type: application/json, not text/csv.",
    ),
}


def send(client, method, path, headers, data):
    return client.open(path, method=method, headers=headers | ORIGIN | REQUEST_ID, data=data)


@pytest.fixture
def bug(app, monkeypatch):
    """Replace the count of bakeries by a view with a bug, and return the text of the bug."""

    def view():
        raise KeyError("secret of the bug")

    monkeypatch.setitem(app.view_functions, "stats.count_bakeries", view)
    return "secret of the bug"


@pytest.mark.parametrize("status", ERRORS)
def test_an_error_has_exactly_these_fields(client, status):
    request, title, detail = ERRORS[status]
    response = send(client, *request)
    assert response.status == f"{status} {title}"
    assert response.content_type == "application/problem+json"
    assert list(response.json) == ["type", "title", "status", "detail", "request_id"]
    problem = {"type": "about:blank", "title": title, "status": status, "detail": detail, "request_id": "5f0c-8d1e"}
    assert response.json == problem


@pytest.mark.parametrize("status", [status for status in HTTPStatus if status in default_exceptions])
def test_every_error_has_the_reason_phrase_and_the_title_of_the_standard_library(app, client, monkeypatch, status):
    def view():
        raise default_exceptions[status]

    monkeypatch.setitem(app.view_functions, "stats.count_bakeries", view)
    response = client.get("/stats/bakeries")
    assert response.status == f"{status.value} {status.phrase}"
    assert response.json["title"] == status.phrase


def test_an_error_of_validation_has_pointers(client):
    response = send(client, "PATCH", "/feedstocks/1", KEY | JSON, '{"spec":"","é":1}'.encode())
    assert response.content_type == "application/problem+json"
    assert response.get_data().decode() == (
        '{"type":"about:blank","title":"Unprocessable Entity","status":422,'
        '"detail":"spec: Length must be between 1 and 255. é: Unknown field. /docs lists the fields.","errors":['
        '{"in":"body","pointer":"/spec","detail":"spec: Length must be between 1 and 255."},'
        '{"in":"body","pointer":"/é","detail":"é: Unknown field. /docs lists the fields."}],"request_id":"5f0c-8d1e"}'
    )


def test_a_conflict_has_no_list_of_errors(app, admin):
    bakery_id = make_run(app).bakery_id
    response = send(admin, "DELETE", f"/bakeries/{bakery_id}", {}, b"")
    detail = f"bakery {bakery_id} has 1 recipe run; delete those first."
    assert response.json == {
        "type": "about:blank",
        "title": "Conflict",
        "status": 409,
        "detail": detail,
        "request_id": "5f0c-8d1e",
    }


@pytest.mark.parametrize("status", [*ERRORS, 500])
def test_a_browser_can_read_every_error(client, bug, status):
    request = ERRORS[status][0] if status in ERRORS else ("GET", "/stats/bakeries", {}, b"")
    response = send(client, *request)
    assert response.status_code == status
    assert response.headers["Access-Control-Allow-Origin"] == "*"
    assert response.headers["X-Request-ID"] == response.json["request_id"]


@pytest.mark.parametrize(
    "path",
    [
        "/nope",
        "/bakeries/1/extra",
        "/bakeries//1",
        "/Bakeries/",
        "/stats",
        "/stats/nope",
        "/api-keys/1/nope",
        "/favicon.ico",
        "/docs/nope.js",
        "/docs/../config.py",
        "/docs/%2e%2e/%2e%2e/config.py",
        "/%00",
        "/%0d%0aX-Evil:%201",
        "/\u2602",
    ],
)
def test_an_unknown_path_is_404(client, path):
    response = client.get(path)
    assert response.status_code == 404
    assert response.content_type == "application/problem+json"
    assert response.json["detail"].startswith("There is nothing at /")
    assert response.json["detail"].endswith("; /docs lists what there is.")
    assert "X-Evil" not in response.headers


@pytest.mark.parametrize(
    ("path", "nearest"),
    [
        ("/bakeris", "/bakeries"),
        ("/recipe-runs/7", "/recipe_runs/7"),
        ("/feedstock/2/dataset", "/feedstocks/2/datasets"),
        ("/stats/overviews", "/stats/overview"),
        ("/swagger", None),
        ("/" + "bakeries" * 20, None),
    ],
)
def test_an_unknown_path_names_the_nearest_one(client, path, nearest):
    guess = f" (did you mean {nearest}?)" if nearest else ""
    assert client.get(path).json["detail"] == f"There is nothing at {path}{guess}; /docs lists what there is."


@pytest.mark.parametrize(("sentence", "words"), [(NO_KEY, "Not authenticated"), (WRONG_KEY, "Invalid API Key")])
def test_a_refused_key_has_the_words_of_the_original_and_says_where_keys_come_from(sentence, words):
    assert sentence.startswith(f"{words}. ")
    assert "the header X-API-Key" in sentence
    assert sentence.endswith("Administrators of this service create keys, with POST /api-keys.")


def test_head_of_an_error_has_its_headers_and_no_body(client):
    response = client.head("/bakeries/99")
    assert (response.status_code, response.content_type) == (404, "application/problem+json")
    assert response.get_data() == b""


def test_a_bug_is_500_without_its_text(client, bug):
    response = send(client, "GET", "/stats/bakeries", {}, b"")
    assert response.status_code == 500
    assert response.content_type == "application/problem+json"
    assert response.json == {
        "type": "about:blank",
        "title": "Internal Server Error",
        "status": 500,
        "detail": NOT_OURS,
        "request_id": "5f0c-8d1e",
    }
    assert bug not in response.get_data(as_text=True)


def test_a_bug_is_logged_once_with_its_traceback_under_the_request_id(client, bug, caplog):
    send(client, "GET", "/stats/bakeries", {}, b"")
    (record,) = [record for record in caplog.records if record.levelno >= logging.ERROR]
    assert (record.getMessage(), record.request_id) == ("unexpected error", "5f0c-8d1e")
    assert bug in caplog.text


def test_a_bug_rolls_the_transaction_back(app, admin, monkeypatch):
    bakery, commit = make_bakery(app, region="us"), "app.web.blueprint.db.session.commit"
    monkeypatch.setattr(commit, lambda: 1 / 0)
    assert admin.patch(f"/bakeries/{bakery.id}", json={"region": "eu"}).status_code == 500
    monkeypatch.undo()
    assert admin.get(f"/bakeries/{bakery.id}").json["region"] == "us"


@pytest.mark.parametrize("status", [400, 403, 404, 422])
def test_an_error_of_the_caller_is_not_logged_as_an_error(client, caplog, status):
    request = ERRORS[status][0] if status in ERRORS else ("GET", "/bakeries/x", {}, b"")
    assert send(client, *request).status_code == status
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []


def test_the_description_of_an_exception_is_the_detail(app, client, monkeypatch):
    def view():
        raise Conflict("Not now.")

    monkeypatch.setitem(app.view_functions, "stats.count_bakeries", view)
    assert client.get("/stats/bakeries").json["detail"] == "Not now."
