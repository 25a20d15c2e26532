"""Every path: trailing slashes, HEAD, OPTIONS, CORS, request ids, https, proxies and headers."""

import logging
import re
from functools import cache, reduce

import pytest

from app import create_app
from config import load
from tests.support.apps import ADMIN_KEY, environment
from tests.support.databases import on_sqlite
from tests.support.factories import (
    bakery_body,
    make_bakery,
    make_description,
    make_feedstock,
    make_key,
    make_metadata,
    make_run,
    make_thumbnail,
)

ORIGIN = {"Origin": "https://pangeo-forge.org"}
EXPOSED = {"Location", "Retry-After", "WWW-Authenticate", "X-Request-ID", "ETag", "Link", "Idempotency-Replayed"}
EXPOSED |= {"RateLimit", "RateLimit-Policy"}
OLD_KEY = "0123456789abcdef0123456789abcdef"  # as the original's are
METHODS = "DELETE, GET, HEAD, OPTIONS, PATCH, POST, PUT"
ALLOWED = {
    "/": "GET HEAD OPTIONS",
    "/bakeries/": "GET HEAD OPTIONS POST",
    "/bakeries/1": "DELETE GET HEAD OPTIONS PATCH",
    "/feedstocks/": "GET HEAD OPTIONS POST",
    "/feedstocks/1": "DELETE GET HEAD OPTIONS PATCH",
    "/feedstocks/1/datasets": "GET HEAD OPTIONS",
    "/feedstocks/1/metadata": "DELETE GET HEAD OPTIONS PUT",
    "/datasets/1/description": "GET HEAD OPTIONS PUT",
    "/datasets/1/thumbnail.png": "GET HEAD OPTIONS",
    "/recipe_runs/": "GET HEAD OPTIONS POST",
    "/recipe_runs/1": "DELETE GET HEAD OPTIONS PATCH",
    "/stats/recipe_runs": "GET HEAD OPTIONS",
    "/api-keys": "GET HEAD OPTIONS POST",
    "/api-keys/1": "DELETE GET HEAD OPTIONS PATCH",
    "/api-keys/1/rotate": "OPTIONS POST",
    "/api-keys/me": "GET HEAD OPTIONS",
    "/audit": "GET HEAD OPTIONS",
    "/docs": "GET HEAD OPTIONS",
    "/openapi.json": "GET HEAD OPTIONS",
    "/healthz": "GET HEAD OPTIONS",
}


@cache
def deployed(**more):
    """A client of an application that is deployed behind one proxy. Redirects do not use its database."""
    variables = environment("sqlite:////nowhere/at/all.sqlite", PANGEO_FORGE_DEPLOYMENT="prod", **more)
    return create_app(load(variables)).test_client()


def reading_paths(app):
    """The paths of all routes that read, with `{id}` for the id of a record.

    Metrics are excluded, because they change all the time, and so are unknown pages of the dashboard.
    """
    rules = [
        rule for rule in app.url_map.iter_rules() if rule.endpoint not in ("dashboard.unknown_page", "probes.scrape")
    ]
    paths = {rule.rule for rule in rules if "GET" in rule.methods}
    values = {"<id:id>": "{id}", "<path:name>": "index.css", "<recipe:recipe_id>": "example"}
    return sorted(reduce(lambda path, item: path.replace(*item), values.items(), path) for path in paths)


def same_id(app):
    """Create a bakery, a feedstock, a run with a dataset and an API key with the same id, and return the id."""
    bakery, feedstock = make_bakery(app, id=70_001), make_feedstock(app, id=70_001)
    published = {"status": "completed", "conclusion": "success", "dataset_public_url": "https://data.org/a.zarr"}
    make_run(app, id=70_001, bakery_id=bakery.id, feedstock_id=feedstock.id, **published)
    make_key(app, "any key", id=70_001)
    make_metadata(app, feedstock_id=feedstock.id)
    make_description(app, id=70_001)
    make_thumbnail(app, dataset_id=70_001)
    return 70_001


def test_the_root_answers_exactly_these_bytes(client):
    response = client.get("/")
    assert (response.status_code, response.get_data()) == (200, b'{"status":"ok"}')
    assert response.content_type == "application/json"


def test_every_success_has_the_reason_phrase_of_the_standard_library(client, admin):
    tag = {"If-None-Match": client.get("/bakeries/").headers["ETag"]}
    answers = [client.get("/"), admin.post("/feedstocks/", json={"spec": "a/b"}), client.get("/redoc")]
    answers += [client.get("/", headers={"Accept": "text/html"}), client.get("/bakeries/", headers=tag)]
    lines = ["200 OK", "201 Created", "308 Permanent Redirect", "303 See Other", "304 Not Modified"]
    assert [answer.status for answer in answers] == lines


def test_every_route_answers_with_and_without_the_slash(app, admin):
    number = same_id(app)
    for path in reading_paths(app):
        path = path.format(id=number)
        other = path.removesuffix("/") if path.endswith("/") else f"{path}/"
        same = {"headers": {"X-Request-ID": "same"}, "buffered": True}
        first, second = admin.get(path, **same), admin.get(other or "/", **same)
        expected = {"redoc": 308, "repr": 422}.get(path.split("/")[1], 200)  # repr requires a url
        assert first.status_code == second.status_code == expected, path
        assert first.get_data() == second.get_data(), path


@on_sqlite
def test_every_path_has_the_same_methods_with_and_without_the_slash(app):
    paths = app.url_map.bind("localhost")
    for rule in app.url_map.iter_rules():
        path = re.sub("<.*?>", "7", rule.rule).rstrip("/")
        assert set(paths.allowed_methods(f"{path}/")) >= rule.methods, path
        if path:
            assert set(paths.allowed_methods(path)) == set(paths.allowed_methods(f"{path}/")), path
            for method in rule.methods:
                assert paths.match(path, method)[0] == paths.match(f"{path}/", method)[0], path


def test_head_is_get_without_the_body_on_every_path(app, admin):
    number = same_id(app)
    for path in reading_paths(app):
        path = path.format(id=number)
        got, head = admin.get(path, buffered=True), admin.head(path, buffered=True)
        assert (head.status_code, head.get_data()) == (got.status_code, b""), path
        assert head.content_type == got.content_type, path
        assert head.content_length == got.content_length, path


@on_sqlite
@pytest.mark.parametrize("path", ALLOWED)
def test_options_names_the_methods(client, path):
    response = client.options(path)
    assert (response.status_code, response.get_data()) == (200, b"")
    assert " ".join(sorted(response.headers["Allow"].split(", "))) == ALLOWED[path]


@on_sqlite
@pytest.mark.parametrize("slash", ["", "/"])
@pytest.mark.parametrize("method", ["PUT", "FOO"])
@pytest.mark.parametrize(("path", "allowed"), ALLOWED.items())
def test_another_method_is_405_with_the_allowed_ones(client, path, allowed, method, slash):
    path, method = f"{path.rstrip('/')}{slash}" or "/", "TRACE" if method in allowed.split() else method
    response = client.open(path, method=method)
    assert response.status_code == 405
    assert " ".join(sorted(response.headers["Allow"].split(", "))) == allowed
    detail = f"{method} is not possible at {path}, only {allowed.replace(' ', ', ')}."
    assert response.json["detail"] == detail


@on_sqlite
@pytest.mark.parametrize(
    ("method", "path"),
    [("PATCH", "/bakeries/"), ("POST", "/bakeries/1"), ("GET", "/api-keys/1/rotate"), ("POST", "/stats/bakeries")],
)
def test_a_method_of_another_path_is_405(client, method, path):
    assert client.open(path, method=method).status_code == 405


@pytest.mark.parametrize("path", ["/", "/bakeries/", "/bakeries/99", "/nope", "/docs", "/openapi.json"])
def test_any_origin_may_read(client, path):
    response = client.get(path, headers=ORIGIN)
    assert response.headers["Access-Control-Allow-Origin"] == "*"
    assert set(response.headers["Access-Control-Expose-Headers"].split(", ")) >= EXPOSED
    assert "Access-Control-Allow-Credentials" not in response.headers


def test_without_an_origin_any_is_allowed(client):
    assert client.get("/bakeries/").headers["Access-Control-Allow-Origin"] == "*"


@on_sqlite
@pytest.mark.parametrize(
    "path", ["/bakeries/", "/bakeries", "/bakeries/1", "/api-keys", "/stats/bakeries", "/nope", "/"]
)
@pytest.mark.parametrize("method", ["GET", "POST", "PATCH", "DELETE"])
def test_a_preflight_is_answered_on_any_path(client, path, method):
    asked = {"Access-Control-Request-Method": method, "Access-Control-Request-Headers": "content-type, x-api-key"}
    response = client.options(path, headers=ORIGIN | asked)
    assert (response.status_code, response.get_data()) == (200, b"")
    assert response.headers["Access-Control-Allow-Origin"] == "*"
    assert response.headers["Access-Control-Allow-Methods"] == METHODS
    assert response.headers["Access-Control-Allow-Headers"] == "content-type, x-api-key"
    assert response.headers["Access-Control-Max-Age"] == "600"


def test_options_of_an_unknown_path_is_404_unless_it_is_a_preflight(client):
    assert client.options("/nope", headers=ORIGIN).status_code == 404


UUID = "5f0c8d1e-2b3a-4c5d-9e8f-7a6b5c4d3e2f"  # as Heroku's router sends


@pytest.mark.parametrize("request_id", ["a", "5f0c8d1e2b3a4c5d", UUID, "a.b_c:d-e", "x" * 128])
def test_a_valid_request_id_is_kept(client, request_id):
    response = client.get("/bakeries/99", headers={"X-Request-ID": request_id})
    assert (response.headers["X-Request-ID"], response.json["request_id"]) == (request_id, request_id)


@pytest.mark.parametrize(
    "request_id", ["", "x" * 129, "a b", "a\tb", "\u00e9", "<script>", 'a"b', "a,b", "a=b", f"id-pfk_{'a' * 36}"]
)
def test_an_unsafe_request_id_is_replaced(client, request_id):
    ids = {client.get("/", headers={"X-Request-ID": request_id}).headers["X-Request-ID"] for _ in range(2)}
    assert len(ids) == 2
    assert all(re.fullmatch("[0-9a-f]{32}", given) for given in ids)


@pytest.mark.parametrize("key", [ADMIN_KEY, "pfk_" + "a1" * 18, OLD_KEY, f"id-{OLD_KEY}", OLD_KEY.upper()])
def test_a_key_that_was_sent_as_a_request_id_is_nowhere(app, admin, key, caplog):
    caplog.set_level(logging.INFO)
    made = admin.post("/bakeries/", json=bakery_body(app), headers={"X-Request-ID": key})
    refused = app.test_client().post("/bakeries/", json={}, headers={"X-Request-ID": key})
    audit = admin.get("/audit").text
    assert (made.status_code, refused.status_code) == (201, 403)
    records = [str(vars(record)) for record in caplog.records]
    assert key not in "".join([str(made.headers), refused.text, str(refused.headers), audit, *records])


@pytest.mark.parametrize("method", ["GET", "POST", "PATCH", "OPTIONS"])
@pytest.mark.parametrize("path", ["/bakeries?limit=1", "/nope", "/"])
def test_http_is_redirected_to_https_when_deployed(path, method):
    response = deployed().open(path, method=method, headers=ORIGIN, base_url="http://api.pangeo-forge.org")
    assert response.status_code == 307
    assert response.headers["Location"] == f"https://api.pangeo-forge.org{path}"
    assert response.headers["Access-Control-Allow-Origin"] == "*"
    assert "Strict-Transport-Security" not in response.headers


@pytest.mark.parametrize("path", ["/healthz", "/healthz/", "/readyz", "/readyz/"])
def test_a_probe_is_answered_by_plain_http_when_deployed(app_with, path):
    client = app_with(PANGEO_FORGE_DEPLOYMENT="prod").test_client()
    response = client.get(path, base_url="http://10.0.0.7:8000")
    assert (response.status_code, response.json) == (200, {"status": "ok"})
    assert "Strict-Transport-Security" not in response.headers


@pytest.mark.parametrize("path", ["/healthz/x", "/x/healthz", "//healthz", "/healthz;x", "/metrics"])
def test_only_the_probes_are_answered_by_plain_http_when_deployed(path):
    assert deployed().get(path, base_url="http://10.0.0.7:8000").status_code == 307


@pytest.mark.parametrize("name", ["a b", "<>", "\x00", "a/b"])
def test_an_invalid_host_is_400_when_deployed(name):
    response = deployed().get("/", headers={"Host": name})
    assert response.status_code == 400
    assert response.json["detail"] == "The Host header is not the name of a host."


def test_https_at_the_proxy_is_served_when_deployed():
    response = deployed().get("/", headers={"X-Forwarded-Proto": "https"})
    assert (response.status_code, response.get_data()) == (200, b'{"status":"ok"}')
    assert response.headers["Strict-Transport-Security"] == "max-age=31536000"


@pytest.mark.parametrize(
    ("proxies", "forwarded", "status"),
    [
        ("1", "https", 200),
        ("1", "http, https", 200),
        ("1", "https, http", 307),
        ("2", "https", 200),
        ("2", "https, http", 307),
        ("0", "https", 307),
    ],
)
def test_only_trusted_proxies_set_the_client_address(proxies, forwarded, status):
    client = deployed(PROXY_COUNT=proxies)
    assert client.get("/", headers={"X-Forwarded-Proto": forwarded}).status_code == status


def test_a_forwarded_host_is_ignored():
    headers = {"X-Forwarded-Host": "evil.example", "X-Forwarded-Port": "666"}
    response = deployed().get("/bakeries", headers=headers, base_url="http://api.pangeo-forge.org")
    assert response.headers["Location"] == "https://api.pangeo-forge.org/bakeries"


@pytest.mark.parametrize("path", ["/bakeries/99", "/redoc", "/docs", "/"])
def test_no_answer_repeats_the_host(client, path):
    response = client.get(path, headers={"Host": "evil.example"})
    assert "evil.example" not in f"{response.headers}{response.get_data()}"


def test_the_location_of_a_new_record_is_a_path(admin):
    response = admin.post("/feedstocks/", json={"spec": "a/b"}, headers={"Host": "evil.example"})
    assert response.headers["Location"] == f"/feedstocks/{response.json['id']}"


@on_sqlite
@pytest.mark.parametrize("header", ["Accept", "If-None-Match", "Range", "Accept-Encoding", "Content-Type"])
@pytest.mark.parametrize("value", ["", "text/html", "bytes=0-1", "\u00e9", "x" * 5000])
def test_unused_headers_are_ignored(client, header, value):
    assert client.get("/bakeries/", headers={header: value}).get_data() == b"[]"


def test_a_request_line_without_a_path_is_the_root_and_not_a_redirect(client):
    response = client.get("/", environ_overrides={"PATH_INFO": "", "HTTP_HOST": "evil.example"})
    assert (response.status_code, response.get_data()) == (200, b'{"status":"ok"}')
