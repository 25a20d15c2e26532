from datetime import UTC, datetime

import pytest

from app.extensions import db
from app.models import APIKey
from config import key_digest
from tests.conftest import SALT


def stored(app):
    with app.app_context():
        return list(db.session.scalars(db.select(APIKey)))


@pytest.mark.parametrize(("body", "is_admin"), [({}, False), ({"is_admin": False}, False), ({"is_admin": True}, True)])
def test_create_shows_the_key_once_and_stores_its_digest(app, admin, body, is_admin):
    response = admin.post("/api-keys", json=body)
    assert response.status_code == 201
    assert list(response.json) == ["is_active", "is_admin", "created_at", "key"]
    assert (response.json["is_active"], response.json["is_admin"]) == (True, is_admin)
    (record,) = stored(app)
    assert record.encrypted_key == key_digest(SALT, response.json["key"])
    assert (record.is_active, record.is_admin) == (True, is_admin)


def test_a_key_is_32_hex_digits_and_never_the_same(admin):
    keys = [admin.post("/api-keys", json={}).json["key"] for _ in range(3)]
    assert len(set(keys)) == 3
    assert all(len(bytes.fromhex(key)) == 16 for key in keys)


def test_the_answer_with_the_key_is_not_to_be_cached(admin):
    assert admin.post("/api-keys", json={}).headers["Cache-Control"] == "no-store"


def test_created_at_is_the_time_in_utc_as_stored(app, admin):
    before = datetime.now(UTC)
    created_at = datetime.fromisoformat(admin.post("/api-keys", json={}).json["created_at"])
    assert before <= created_at <= datetime.now(UTC)
    assert [record.created_at for record in stored(app)] == [created_at]


def test_a_new_key_writes_at_once_but_makes_no_keys(app, admin):
    key = admin.post("/api-keys", json={}).json["key"]
    client = app.test_client()
    assert client.post("/feedstocks/", json={"spec": "a/b"}, headers={"X-API-Key": key}).status_code == 201
    response = client.post("/api-keys", json={}, headers={"X-API-Key": key})
    assert response.status_code == 403
    assert response.json["detail"] == "This key may not do that; it takes an administrator's key."


def test_a_new_administrators_key_makes_keys(app, admin):
    key = admin.post("/api-keys", json={"is_admin": True}).json["key"]
    assert app.test_client().post("/api-keys", json={}, headers={"X-API-Key": key}).status_code == 201


@pytest.mark.parametrize(
    ("body", "pointer", "detail"),
    [
        ({"is_admin": None}, "/is_admin", "is_admin: Field may not be null."),
        ({"is_admin": "yes"}, "/is_admin", "is_admin: Not a valid boolean."),
        ({"is_admin": "true"}, "/is_admin", "is_admin: Not a valid boolean."),
        ({"is_admin": 1}, "/is_admin", "is_admin: Not a valid boolean."),
        ({"key": "mine"}, "/key", "key: Unknown field."),
        ({"is_active": True}, "/is_active", "is_active: Unknown field."),
        ([], "", "The body must be a JSON object."),
        ([{}], "", "The body must be a JSON object."),
        ("x", "", "The body must be a JSON object."),
        (None, "", "The body must be a JSON object."),
    ],
)
def test_a_body_of_another_kind_is_422_and_makes_no_key(app, admin, body, pointer, detail):
    response = admin.post("/api-keys", data=app.json.dumps(body), content_type="application/json")
    assert response.status_code == 422
    assert response.json["errors"] == [{"in": "body", "pointer": pointer, "detail": detail}]
    assert stored(app) == []


@pytest.mark.parametrize(
    ("data", "content_type", "status"),
    [(b"", "application/json", 400), (b"", None, 400), (b"{}", "text/plain", 415), (b"{", "application/json", 400)],
)
def test_a_body_that_is_not_json_makes_no_key(app, admin, data, content_type, status):
    assert admin.post("/api-keys", data=data, content_type=content_type).status_code == status
    assert stored(app) == []


@pytest.mark.parametrize("label", ["admin", "system"])
def test_a_label_cannot_name_the_administrator_or_the_service(admin, label):
    response = admin.post("/api-keys", json={"label": label})
    assert response.status_code == 422
    assert response.json["errors"] == [{"in": "body", "pointer": "/label", "detail": f"label: {label} is reserved."}]


def test_an_answer_that_shows_a_key_is_not_to_be_kept(admin):
    for _ in range(2):
        response = admin.post("/api-keys", json={}, headers={"Idempotency-Key": "one"})
        assert response.headers["Cache-Control"] == "no-store"
