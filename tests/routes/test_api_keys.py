"""Management of API keys over the API. Their scopes are tested in tests/web/test_scopes.py."""

import re
from datetime import UTC, datetime, timedelta

import pytest

from app.extensions import db
from app.keys import key_digest
from app.models import APIKey
from tests.support.apps import ADMIN_KEY, SALT
from tests.support.factories import make_bakery, make_key
from tests.support.unknown import unknown

MEMBERS = ["is_active", "is_admin", "created_at", "id", "label", "scopes", "created_by", "expires_at"]
MEMBERS += ["last_used_at", "replaced_by"]
OWN = "API key {} is the key of this request. Use the key of another administrator to change it."


def stored(app):
    with app.app_context():
        return list(db.session.scalars(db.select(APIKey)))


@pytest.mark.parametrize(("body", "is_admin"), [({}, False), ({"is_admin": False}, False), ({"is_admin": True}, True)])
def test_create_shows_the_key_once_and_stores_its_digest(app, admin, body, is_admin):
    response = admin.post("/api-keys", json=body)
    assert response.status_code == 201
    assert list(response.json) == ["is_active", "is_admin", "created_at", "key", *MEMBERS[3:]]
    assert (response.json["is_active"], response.json["is_admin"]) == (True, is_admin)
    (record,) = stored(app)
    assert record.encrypted_key == key_digest(SALT, response.json["key"])
    assert (record.is_active, record.is_admin) == (True, is_admin)


def test_a_key_has_the_form_for_secret_scanners_and_is_unique(admin):
    keys = {admin.post("/api-keys", json={}).json["key"] for _ in range(3)}
    assert len(keys) == 3
    assert all(re.fullmatch("pfk_[0-9A-Za-z]{36}", key) for key in keys)


def test_the_answer_with_the_key_forbids_caching(admin):
    assert admin.post("/api-keys", json={}).headers["Cache-Control"] == "no-store"


def test_created_at_is_the_time_in_utc_as_stored(app, admin):
    before = datetime.now(UTC)
    created_at = datetime.fromisoformat(admin.post("/api-keys", json={}).json["created_at"])
    assert before <= created_at <= datetime.now(UTC)
    assert [record.created_at for record in stored(app)] == [created_at]


def test_a_new_key_writes_at_once_but_creates_no_keys(app, admin):
    key = admin.post("/api-keys", json={}).json["key"]
    client = app.test_client()
    assert client.post("/feedstocks/", json={"spec": "a/b"}, headers={"X-API-Key": key}).status_code == 201
    response = client.post("/api-keys", json={}, headers={"X-API-Key": key})
    assert response.status_code == 403
    assert response.json["detail"] == "This key may not do that. It requires an administrator's key."


def test_a_new_administrators_key_creates_keys(app, admin):
    key = admin.post("/api-keys", json={"is_admin": True}).json["key"]
    assert app.test_client().post("/api-keys", json={}, headers={"X-API-Key": key}).status_code == 201


@pytest.mark.parametrize(
    ("body", "pointer", "detail"),
    [
        ({"is_admin": None}, "/is_admin", "is_admin: Field may not be null."),
        ({"is_admin": "yes"}, "/is_admin", "is_admin: Not a valid boolean."),
        ({"is_admin": "true"}, "/is_admin", "is_admin: Not a valid boolean."),
        ({"is_admin": 1}, "/is_admin", "is_admin: Not a valid boolean."),
        ({"key": "mine"}, "/key", unknown("key")),
        ({"is_active": True}, "/is_active", unknown("is_active")),
        ([], "", "The body must be a JSON object."),
        ([{}], "", "The body must be a JSON object."),
        ("x", "", "The body must be a JSON object."),
        (None, "", "The body must be a JSON object."),
    ],
)
def test_an_invalid_body_is_422_and_creates_no_key(app, admin, body, pointer, detail):
    response = admin.post("/api-keys", data=app.json.dumps(body), content_type="application/json")
    assert response.status_code == 422
    assert response.json["errors"] == [{"in": "body", "pointer": pointer, "detail": detail}]
    assert stored(app) == []


@pytest.mark.parametrize(
    ("data", "content_type", "status"),
    [(b"", "application/json", 400), (b"", None, 400), (b"{}", "text/plain", 415), (b"{", "application/json", 400)],
)
def test_a_body_that_is_not_json_creates_no_key(app, admin, data, content_type, status):
    assert admin.post("/api-keys", data=data, content_type=content_type).status_code == status
    assert stored(app) == []


@pytest.mark.parametrize(
    "label", ["admin", "system", " admin", "Admin", "system ", "\uff41dmin", "a key without a label"]
)
def test_a_label_cannot_name_the_administrator_or_the_service(admin, label):
    response = admin.post("/api-keys", json={"label": label})
    assert response.status_code == 422
    assert response.json["errors"] == [{"in": "body", "pointer": "/label", "detail": f"label: {label} is reserved."}]


@pytest.mark.parametrize("label", ["adm\u200bin", "x\ny", "\u202enimda", "a\u00a0b", "\x1b[2K"])
def test_a_label_accepts_printable_characters_only(admin, label):
    response = admin.post("/api-keys", json={"label": label})
    assert (response.status_code, response.json["errors"][0]["pointer"]) == (422, "/label")


@pytest.mark.parametrize("label", ["admin", "a\u0085b", "\u202eadmin"])
def test_keys_can_be_filtered_by_labels_that_are_refused_today(admin, label):
    response = admin.get("/api-keys", query_string={"label": label})
    assert (response.status_code, response.json) == (200, [])


@pytest.mark.parametrize("label", ["dataflow 2", "Océans ☂", "admin of ldeo"])
def test_any_other_label_is_accepted(admin, label):
    assert create(admin, label=label)["label"] == label


def test_an_answer_that_shows_a_key_is_not_stored(admin):
    for _ in range(2):
        response = admin.post("/api-keys", json={}, headers={"Idempotency-Key": "one"})
        assert response.headers["Cache-Control"] == "no-store"


def create(admin, **body):
    """Create a key and return the answer."""
    response = admin.post("/api-keys", json=body)
    assert response.status_code == 201
    return response.json


def works(app, key):
    return app.test_client().get("/api-keys/me", headers={"X-API-Key": key}).status_code == 200


def wire(time):
    return time.astimezone(UTC).replace(tzinfo=None).isoformat() + "Z"


@pytest.fixture
def other_admin(app, admin):
    """A client with the key of other_admin administrator, and the id of the key."""
    made = create(admin, is_admin=True, label="the other admin")
    client = app.test_client()
    client.environ_base["HTTP_X_API_KEY"] = made["key"]
    return client, made["id"]


def test_create_answers_with_all_fields_and_the_location(admin):
    expires_at = wire(datetime.now(UTC) + timedelta(days=1))
    response = admin.post("/api-keys", json={"label": "dataflow", "expires_at": expires_at})
    expected = {"is_active": True, "is_admin": False, "label": "dataflow", "scopes": ["write"], "created_by": "admin"}
    expected |= {"expires_at": expires_at, "last_used_at": None, "replaced_by": None}
    assert expected.items() <= response.json.items()
    assert response.headers["Location"] == f"/api-keys/{response.json['id']}"


def test_the_list_shows_keys_by_number_and_never_a_key_or_its_digest(admin):
    made = [create(admin, label=label) for label in ("a", "b")]
    response = admin.get("/api-keys")
    assert [list(item) for item in response.json] == [MEMBERS] * 2
    assert [item["id"] for item in response.json] == [item["id"] for item in made]
    assert not any(secret in response.text for key in made for secret in (key["key"], key_digest(SALT, key["key"])))


def test_the_list_is_paged_filtered_and_ordered_like_others(admin):
    for label in "bca":
        create(admin, label=label)
    assert [item["label"] for item in admin.get("/api-keys?order_by=label&limit=2").json] == ["a", "b"]
    assert [item["label"] for item in admin.get("/api-keys?label=c&is_active=true").json] == ["c"]
    assert admin.get("/api-keys?scopes=admin").status_code == 422


@pytest.mark.parametrize("name", [name for name in MEMBERS if name != "scopes"])
def test_order_by_accepts_every_plain_field_of_a_key(admin, name):
    create(admin)
    assert len(admin.get(f"/api-keys?order_by={name}").json) == 1


def test_a_single_key_is_shown_as_in_the_list(admin):
    made = create(admin, label="a")
    assert admin.get(f"/api-keys/{made['id']}").json == admin.get("/api-keys").json[0]
    assert admin.get("/api-keys/999").json["detail"] == "API key 999 not found"


def test_answers_that_require_a_key_are_not_for_shared_caches(admin):
    assert admin.get("/api-keys").headers["Cache-Control"] == "private, no-cache"


def test_a_row_of_the_original_is_shown_unchanged(app, admin):
    record = make_key(app, "old", is_active=None, is_admin=True, created_at=None)
    expected = {"is_admin": True, "scopes": ["admin"], "label": None, "created_by": None, "last_used_at": None}
    assert expected.items() <= admin.get(f"/api-keys/{record.id}").json.items()


def test_update_sets_the_fields_of_the_body(app, admin):
    made, bakery = create(admin, label="a"), make_bakery(app)
    changes = {"label": "b", "scopes": [f"bakery:{bakery.id}"], "expires_at": "2999-01-01T00:00:00Z"}
    response = admin.patch(f"/api-keys/{made['id']}", json=changes)
    assert (response.status_code, response.json) == (200, {name: made[name] for name in MEMBERS} | changes)
    assert admin.patch(f"/api-keys/{made['id']}", json={"scopes": ["admin"]}).json["is_admin"] is True


def test_a_revoked_key_can_be_activated_again(app, admin):
    made = create(admin)
    for is_active in (False, True):
        admin.patch(f"/api-keys/{made['id']}", json={"is_active": is_active})
        assert works(app, made["key"]) is is_active


def test_a_key_works_until_it_expires(app, admin):
    made = create(admin)
    for hours, expected in ((1, True), (-1, False)):
        expires_at = wire(datetime.now(UTC) + timedelta(hours=hours))
        admin.patch(f"/api-keys/{made['id']}", json={"expires_at": expires_at})
        assert works(app, made["key"]) is expected


def test_an_expiry_in_the_past_is_422(admin):
    response = admin.post("/api-keys", json={"expires_at": "2022-01-01T00:00:00Z"})
    assert (response.status_code, response.json["detail"]) == (422, "expires_at: Must be in the future.")


def test_the_id_of_a_deleted_key_is_not_reused(app, admin):
    made = create(admin)
    assert admin.delete(f"/api-keys/{made['id']}").json == {"ok": True}
    assert (works(app, made["key"]), admin.get(f"/api-keys/{made['id']}").status_code) == (False, 404)
    assert create(admin)["id"] == made["id"] + 1


def test_if_match_guards_a_key(admin):
    path = f"/api-keys/{create(admin)['id']}"
    etag = admin.get(path).headers["ETag"]
    assert admin.patch(path, json={"label": "a"}, headers={"If-Match": etag}).status_code == 200
    response = admin.delete(path, headers={"If-Match": etag})
    assert (response.status_code, response.json["detail"].partition(" does not")[0]) == (412, f"API key {path[10:]}")


@pytest.mark.parametrize("body", [{"is_active": False}, {"scopes": ["write"]}, {"expires_at": "2999-01-01T00:00:00Z"}])
def test_administrators_cannot_revoke_their_own_key(other_admin, body):
    client, number = other_admin
    response = client.patch(f"/api-keys/{number}", json=body)
    assert (response.status_code, response.json["detail"]) == (409, OWN.format(number))
    assert client.delete(f"/api-keys/{number}").status_code == 409
    assert client.patch(f"/api-keys/{number}", json={"label": "me"}).status_code == 200


def test_me_describes_the_key_of_the_caller(app, admin):
    made = create(admin, label="dataflow")
    mine = app.test_client().get("/api-keys/me", headers={"X-API-Key": made["key"]})
    assert mine.json == {"id": made["id"], "label": "dataflow", "scopes": ["write"], "expires_at": None}
    assert admin.get("/api-keys/me").json == {"id": None, "label": "admin", "scopes": ["admin"], "expires_at": None}


def test_me_accepts_get_only(admin):
    assert [admin.open("/api-keys/me", method=method).status_code for method in ("PATCH", "DELETE")] == [405, 405]


@pytest.mark.parametrize("path", ["/api-keys", "/api-keys/1"])
def test_only_administrators_see_keys(client, writer, path):
    assert [client.get(path).status_code, writer.get(path).status_code] == [403, 403]
    assert client.get(path, headers={"Authorization": f"Bearer {ADMIN_KEY}x"}).status_code == 401
