"""Protection of browsers: security headers on every answer, no cookies, and lists of allowed origins and hosts."""

from functools import cache

import pytest

from app import create_app
from config import load
from tests.support.apps import ADMIN_KEY, client_with, environment
from tests.web.test_headers import ORIGIN, deployed, same_id

NOTHING = "default-src 'none'; frame-ancestors 'none'"
LISTED = ["https://pangeo-forge.org", "http://localhost:3000"]
UNTRUSTED = "The Host header is not the name of this service."
DOCUMENTATION = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
DOCUMENTATION += "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
DASHBOARD = DOCUMENTATION.replace("form-action 'none'", "form-action 'self'")


@cache
def configured(**variables):
    """A client of an application with these settings. The tests do not use its database."""
    return create_app(load(environment("sqlite:////nowhere/at/all.sqlite", **variables))).test_client()


def policy(response):
    """The content security policy of the answer. Only /docs and the dashboard may load anything.

    An answer of 400 to an unknown host and one of 405 do not come from a view.
    """
    path, status = response.request.path.rstrip("/"), response.status_code
    if path.startswith("/dashboard") and status not in (400, 405):
        return DASHBOARD
    asked = response.request.method in ("GET", "HEAD") and path == "/docs"
    return DOCUMENTATION if asked and status in (200, 304) else NOTHING


@cache
def every_kind_of_answer(app):
    """The answers of each route to each method, and each kind of error and of redirect."""
    return list(answers(app, client_with(app, ADMIN_KEY)))


def answers(app, client):
    number = same_id(app)
    for rule in app.url_map.iter_rules():
        path = rule.rule.replace("<id:id>", str(number)).replace("<path:name>", "index.css")
        for method in (*rule.methods, "FOO"):
            yield client.open(path, method=method, buffered=True)
        yield client.get(path, buffered=True, headers={"If-None-Match": "*"})
        yield client.options(path, headers=ORIGIN | {"Access-Control-Request-Method": "GET"})
        yield deployed().get(path, base_url="http://api.pangeo-forge.org")
        yield configured(TRUSTED_HOSTS="api.pangeo-forge.org").get(path)
    yield client.get("/nope")


def test_every_answer_has_the_security_headers(app):
    found = set()
    for response in every_kind_of_answer(app):
        found.add(response.status_code)
        assert response.headers["X-Content-Type-Options"] == "nosniff"
        assert response.headers["Referrer-Policy"] == "no-referrer"
        assert response.headers["Content-Security-Policy"] == policy(response)
    assert found >= {200, 304, 307, 308, 400, 404, 405}


def test_no_answer_sets_a_cookie_or_allows_credentials(app):
    for response in every_kind_of_answer(app):
        assert "Set-Cookie" not in response.headers
        assert "Access-Control-Allow-Credentials" not in response.headers


@pytest.mark.parametrize("origin", LISTED)
@pytest.mark.parametrize("path", ["/healthz", "/nope", "/redoc"])
def test_a_listed_origin_may_read(path, origin):
    response = configured(CORS_ORIGINS=",".join(LISTED)).get(path, headers={"Origin": origin})
    assert response.headers.getlist("Access-Control-Allow-Origin") == [origin]
    assert response.headers.getlist("Vary") == ["Origin"]
    assert "Access-Control-Allow-Credentials" not in response.headers


@pytest.mark.parametrize("origin", [LISTED[0], "HTTPS://Pangeo-Forge.org"])
def test_a_preflight_from_a_listed_origin_names_methods_and_headers(origin):
    asked = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "x-api-key,content-type"}
    response = configured(CORS_ORIGINS=",".join(LISTED)).options("/nope", headers={"Origin": origin} | asked)
    assert response.status_code == 200
    assert {name: value for name, value in response.headers if name.startswith("Access-Control-Allow")} == {
        "Access-Control-Allow-Origin": origin,
        "Access-Control-Allow-Methods": "DELETE, GET, HEAD, OPTIONS, PATCH, POST, PUT",
        "Access-Control-Allow-Headers": "content-type, x-api-key",
    }


@pytest.mark.parametrize("listed", [LISTED, LISTED[:1]])
@pytest.mark.parametrize("origin", [None, "null", "https://evil.example", "https://pangeo-forge.org.evil.example"])
@pytest.mark.parametrize("method", ["GET", "OPTIONS"])
def test_an_origin_that_is_not_listed_may_not_read(listed, origin, method):
    headers = ({"Origin": origin} if origin else {}) | {"Access-Control-Request-Method": "GET"}
    response = configured(CORS_ORIGINS=",".join(listed)).open("/healthz", method=method, headers=headers)
    assert response.status_code == 200
    assert not [name for name, _ in response.headers if name.startswith("Access-Control-Allow")]
    assert response.headers.getlist("Vary") == ["Origin"]


@pytest.mark.parametrize("host", ["api.pangeo-forge.org", "API.Pangeo-Forge.ORG:8000", "a.example.org", "example.org"])
def test_a_listed_host_is_served(host):
    client = configured(TRUSTED_HOSTS="api.pangeo-forge.org,.Example.org")
    assert client.get("/healthz", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize("deployment", ["", "prod"])
@pytest.mark.parametrize("host", ["evil.example", "api.pangeo-forge.org.evil.example", "", "a b", "127.0.0.1", "[::1]"])
@pytest.mark.parametrize("method", ["GET", "POST", "OPTIONS"])
def test_any_other_host_is_400_and_not_repeated(host, method, deployment):
    client = configured(TRUSTED_HOSTS="api.pangeo-forge.org,.example.org", PANGEO_FORGE_DEPLOYMENT=deployment)
    headers = {"Host": host, "Access-Control-Request-Method": "GET"}
    response = client.open("/bakeries/", method=method, headers=headers)
    assert (response.status_code, response.content_type) == (400, "application/problem+json")
    assert response.json["detail"] == UNTRUSTED
