"""Authentication of writes. The key is checked before the rest of a request."""

import pytest
from sqlalchemy import delete, null

from app.extensions import db
from app.keys import key_digest
from app.models import APIKey
from app.web import blueprint
from app.web.auth import (
    NO_GITHUB_SIGNATURE,
    NO_KEY,
    WRONG_GITHUB_SIGNATURE,
    WRONG_KEY,
    WRONG_SIGNATURE,
    Caller,
    authorise,
)
from app.web.signatures import GITHUB_SIGNATURE, SIGNATURE
from config import MAX_BODY
from tests.support.apps import ADMIN_KEY, SALT
from tests.support.databases import on_sqlite
from tests.support.factories import make_key, make_run

WRITES = [
    ("POST", "/bakeries/"),
    ("PATCH", "/bakeries/{id}"),
    ("DELETE", "/bakeries/{id}"),
    ("POST", "/bakeries/{id}/reports"),
    ("POST", "/bakeries/{id}/lineage"),
    ("POST", "/bakeries/{id}/webhook-secret"),
    ("DELETE", "/bakeries/{id}/webhook-secret"),
    ("POST", "/feedstocks/"),
    ("PATCH", "/feedstocks/{id}"),
    ("DELETE", "/feedstocks/{id}"),
    ("PUT", "/feedstocks/{id}/metadata"),
    ("DELETE", "/feedstocks/{id}/metadata"),
    ("POST", "/datasets/"),
    ("PATCH", "/datasets/{id}"),
    ("DELETE", "/datasets/{id}"),
    ("PUT", "/datasets/{id}/description"),
    ("POST", "/recipe_runs/"),
    ("POST", "/recipe_runs/bulk"),
    ("PATCH", "/recipe_runs/{id}"),
    ("DELETE", "/recipe_runs/{id}"),
    ("POST", "/recipe_runs/{id}/logs"),
    ("POST", "/api-keys"),
    ("PATCH", "/api-keys/{id}"),
    ("DELETE", "/api-keys/{id}"),
    ("POST", "/api-keys/{id}/rotate"),
]
# Routes that accept no key, with their header of a signature, and the sentences without one and with a wrong one.
SIGNED = {("POST", "/github/hooks"): (GITHUB_SIGNATURE, NO_GITHUB_SIGNATURE, WRONG_GITHUB_SIGNATURE)}
# Routes that accept a key or a signature.
EITHER = [("POST", "/bakeries/{id}/reports"), ("POST", "/bakeries/{id}/lineage")]
JSON = "application/json"
BAD = {
    "nothing": ("1", "", b"", None),
    "no JSON": ("1", "", b"{", JSON),
    "bad UTF-8": ("1", "", b"\xff", JSON),
    "no object": ("1", "", b"[]", JSON),
    "unknown member": ("1", "", b'{"nope":1}', JSON),
    "another media type": ("1", "", b"<a/>", "text/xml"),
    "too large": ("1", "", b" " * (MAX_BODY + 1), JSON),
    "no id": ("abc", "", b"{}", JSON),
    "unknown parameter": ("1", "?nope=1", b"{}", JSON),
    "key as a parameter": ("1", f"?X-API-Key={ADMIN_KEY}&api_key={ADMIN_KEY}", b"{}", JSON),
}
CHALLENGE = "Bearer realm=pangeo-forge"


def create(app, **headers):
    """Create a feedstock with these headers. WSGI decodes headers as Latin-1."""
    environ = {f"HTTP_{name.upper()}": value for name, value in headers.items()}
    return app.test_client().post("/feedstocks/", json={"spec": "a/b"}, environ_overrides=environ)


def refusal(response):
    return response.status_code, response.json["detail"], response.headers.get("WWW-Authenticate")


@on_sqlite
def test_the_list_names_every_route_that_writes(app):
    rules = [rule for rule in app.url_map.iter_rules() if rule.methods - {"GET", "HEAD", "OPTIONS"}]
    found = {(method, rule.rule.rstrip("/")) for rule in rules for method in rule.methods - {"OPTIONS"}}
    assert found == {(method, path.replace("{id}", "<id:id>").rstrip("/")) for method, path in [*WRITES, *SIGNED]}


@on_sqlite
@pytest.mark.parametrize(("caller", "routes"), [(Caller.GITHUB, SIGNED), (Caller.REPORTER, EITHER)])
def test_the_lists_name_every_route_that_accepts_a_signature(app, caller, routes):
    rules = [rule for rule in app.url_map.iter_rules() if app.view_functions[rule.endpoint].caller is caller]
    assert {rule.rule.rstrip("/") for rule in rules} == {path.replace("{id}", "<id:id>") for _, path in routes}


@on_sqlite
@pytest.mark.parametrize(("method", "path"), SIGNED)
@pytest.mark.parametrize(("number", "query", "data", "content_type"), BAD.values(), ids=BAD)
def test_a_missing_signature_is_refused_before_anything_else(client, method, path, number, query, data, content_type):
    headers = {"X-API-Key": ADMIN_KEY}
    response = client.open(path + query, method=method, data=data, content_type=content_type, headers=headers)
    assert refusal(response)[:2] == (401, SIGNED[method, path][1])


@pytest.mark.parametrize(("method", "path"), [*SIGNED, *EITHER])
@pytest.mark.parametrize("reason", ["nothing", "no JSON", "bad UTF-8", "another media type", "no id"])
def test_a_wrong_signature_is_refused_before_anything_else(app, client, monkeypatch, method, path, reason):
    monkeypatch.setitem(app.config, "GITHUB_WEBHOOK_SECRET", "a secret")
    number, query, data, content_type = BAD[reason]
    header, _, sentence = SIGNED.get((method, path), (SIGNATURE, "", WRONG_SIGNATURE))
    headers = {header: "v1,wrong", "X-API-Key": ADMIN_KEY}
    address = path.format(id=number) + query
    response = client.open(address, method=method, data=data, content_type=content_type, headers=headers)
    assert refusal(response)[:2] == (401, sentence)


@on_sqlite
@pytest.mark.parametrize(("number", "query", "data", "content_type"), BAD.values(), ids=BAD)
@pytest.mark.parametrize(("method", "path"), WRITES)
def test_a_missing_key_is_refused_before_anything_else(client, method, path, number, query, data, content_type):
    response = client.open(path.format(id=number) + query, method=method, data=data, content_type=content_type)
    assert refusal(response) == (403, NO_KEY, None)


@pytest.mark.parametrize(("method", "path"), WRITES)
@pytest.mark.parametrize("reason", ["nothing", "no JSON", "another media type", "too large", "no id"])
def test_a_wrong_key_is_refused_before_anything_else(client, method, path, reason):
    number, query, data, content_type = BAD[reason]
    headers = {"X-API-Key": "wrong"} | ({"Content-Type": content_type} if content_type else {})
    response = client.open(path.format(id=number) + query, method=method, data=data, headers=headers)
    assert refusal(response) == (401, WRONG_KEY, CHALLENGE)


@pytest.mark.parametrize(
    "headers",
    [
        {"x_api_key": ""},
        {"x_api_key": " \t "},
        {"authorization": ""},
        {"authorization": "Bearer"},
        {"authorization": "Bearer  "},
        {"authorization": ADMIN_KEY},
        {"authorization": f"Basic {ADMIN_KEY}"},
        {"authorization": f"ApiKey {ADMIN_KEY}"},
        {"cookie": f"X-API-Key={ADMIN_KEY}"},
    ],
)
def test_a_blank_key_or_a_key_in_another_place_is_not_accepted(app, headers):
    assert refusal(create(app, **headers)) == (403, NO_KEY, None)


@pytest.mark.parametrize(
    "headers",
    [
        {"x_api_key": "an-ordinary-key"},
        {"x_api_key": "  an-ordinary-key "},
        {"authorization": "Bearer an-ordinary-key"},
        {"authorization": "bearer   an-ordinary-key "},
        {"authorization": "BEARER an-ordinary-key", "x_api_key": " "},
        {"authorization": "Bearer wrong", "x_api_key": "an-ordinary-key"},
        {"authorization": "Basic dXNlcjpwYXNz", "x_api_key": "an-ordinary-key"},
    ],
)
def test_a_key_is_accepted_in_either_header(app, headers):
    make_key(app, "an-ordinary-key")
    assert create(app, **headers).status_code == 201


@pytest.mark.parametrize(
    "key",
    [
        "wrong",
        "AN-ORDINARY-KEY",
        "an-ordinary-key2",
        "an-ordinary-ke",
        key_digest(SALT, "an-ordinary-key"),
        key_digest(SALT, ADMIN_KEY),
        f"{SALT}an-ordinary-key",
        "x" * 20_000,
        "cl\u00e9",
        "\u2602".encode().decode("latin-1"),
        "\x00",
        "an-ordinary-key\x00",
        "\xff\xfe",
        "' OR 1=1 --",
        "%",
    ],
)
@pytest.mark.parametrize("header", ["x_api_key", "authorization"])
def test_any_other_key_is_401_with_a_challenge(app, header, key):
    make_key(app, "an-ordinary-key")
    value = f"Bearer {key}" if header == "authorization" else key
    assert refusal(create(app, **{header: value})) == (401, WRONG_KEY, CHALLENGE)


@pytest.mark.parametrize("is_active", [False, null()], ids=["false", "null"])
@pytest.mark.parametrize("is_admin", [False, True])
def test_a_key_that_is_not_active_is_401(app, is_active, is_admin):
    make_key(app, "an-old-key", is_active=is_active, is_admin=is_admin)
    assert refusal(create(app, x_api_key="an-old-key")) == (401, WRONG_KEY, CHALLENGE)


@pytest.mark.parametrize("is_admin", [False, null()], ids=["false", "null"])
def test_an_ordinary_key_writes_but_does_not_create_keys(app, is_admin):
    make_key(app, "an-ordinary-key", is_admin=is_admin)
    assert create(app, x_api_key="an-ordinary-key").status_code == 201
    response = app.test_client().post("/api-keys", data=b"{", headers={"X-API-Key": "an-ordinary-key"})
    assert refusal(response) == (403, "This key may not do that. It requires an administrator's key.", None)


def test_a_key_of_the_original_still_works(app):
    # The digest that the original stored: sha256 of "a-salt-for-tests" followed by the key.
    digest = "5a5e0b22681f197bc6e93f33957ba158294a4296fad27c90460fb002c2e55651"
    with app.app_context():
        db.session.add(APIKey(encrypted_key=digest, is_active=True, is_admin=True))
        db.session.commit()
    headers = {"X-API-Key": "0123456789abcdef0123456789abcdef"}
    assert app.test_client().post("/api-keys", json={}, headers=headers).status_code == 201


def test_a_key_that_is_deactivated_stops_at_once(app):
    record = make_key(app, "a-key")
    with app.app_context():
        db.session.execute(db.update(APIKey).values(is_active=False).filter_by(encrypted_key=record.encrypted_key))
        db.session.commit()
    assert create(app, x_api_key="a-key").status_code == 401


@pytest.mark.parametrize(("method", "path"), [("POST", "/feedstocks/"), ("GET", "/api-keys/me")])
def test_a_key_that_is_deleted_after_it_was_checked_is_401(app, monkeypatch, method, path):
    make_key(app, "k")

    def authorise_and_delete(*args):
        authorise(*args)
        db.session.commit()
        with db.engine.begin() as connection:
            connection.execute(delete(APIKey))

    monkeypatch.setattr(blueprint, "authorise", authorise_and_delete)
    headers = {"X-API-Key": "k", "Idempotency-Key": "abc"}
    response = app.test_client().open(path, method=method, json={"spec": "a/b"}, headers=headers)
    assert refusal(response) == (401, WRONG_KEY, CHALLENGE)


def test_the_administrators_key_needs_no_row(app, admin):
    assert admin.post("/feedstocks/", json={"spec": "a/b"}).status_code == 201
    with app.app_context():
        assert db.session.scalar(db.select(db.func.count()).select_from(APIKey)) == 0


def test_a_rotated_administrators_key_is_revoked(app, monkeypatch):
    monkeypatch.setitem(app.config, "ADMIN_API_KEY_SHA256", key_digest(SALT, "the-next-key"))
    assert create(app, x_api_key=ADMIN_KEY).status_code == 401
    assert create(app, x_api_key="the-next-key").status_code == 201


@pytest.mark.parametrize("key", ["", "wrong", "cl\u00e9"])
@pytest.mark.parametrize("path", ["/recipe_runs/", "/recipe_runs/{}", "/stats/recipe_runs", "/", "/docs"])
def test_reading_requires_no_key_and_ignores_any(app, client, path, key):
    assert client.get(path.format(make_run(app).id), headers={"X-API-Key": key}).status_code == 200
