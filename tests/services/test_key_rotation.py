"""Rotation replaces a key by a new one. The old key stays valid for a while."""

from datetime import UTC, datetime, timedelta

import pytest

from tests.routes.test_api_keys import create, wire, works


def test_rotate_creates_a_key_with_the_same_rights_and_keeps_the_old_one_for_a_day(app, admin):
    old = create(admin, label="dataflow", is_admin=True)
    response = admin.post(f"/api-keys/{old['id']}/rotate", json={})
    new = response.json
    assert (response.status_code, response.headers["Location"]) == (201, f"/api-keys/{new['id']}")
    assert (new["label"], new["scopes"], new["expires_at"], list(new)) == ("dataflow", ["admin"], None, list(old))
    assert (works(app, old["key"]), works(app, new["key"])) == (True, True)
    shown = admin.get(f"/api-keys/{old['id']}").json
    remaining = datetime.fromisoformat(shown["expires_at"]) - datetime.now(UTC)
    assert (shown["replaced_by"], timedelta(hours=23) < remaining <= timedelta(hours=24)) == (new["id"], True)


def test_rotate_without_grace_deactivates_the_old_key_at_once(app, admin):
    old = create(admin)
    new = admin.post(f"/api-keys/{old['id']}/rotate", json={"grace_hours": 0}).json
    assert (works(app, old["key"]), works(app, new["key"])) == (False, True)


def test_grace_never_extends_the_expiry_of_a_key(admin):
    expires_at = wire(datetime.now(UTC) + timedelta(hours=1))
    old = create(admin, expires_at=expires_at)
    new = admin.post(f"/api-keys/{old['id']}/rotate", json={}).json
    assert [new["expires_at"], admin.get(f"/api-keys/{old['id']}").json["expires_at"]] == [expires_at, expires_at]


@pytest.mark.parametrize("hours", [-1, 721, "1", 1.5, None])
def test_grace_is_a_whole_number_of_hours_up_to_thirty_days(admin, hours):
    old = create(admin)
    assert admin.post(f"/api-keys/{old['id']}/rotate", json={"grace_hours": hours}).status_code == 422


def test_only_a_valid_key_can_be_rotated_and_only_once(admin):
    first, second = create(admin), create(admin)
    new = admin.post(f"/api-keys/{first['id']}/rotate", json={}).json
    admin.patch(f"/api-keys/{second['id']}", json={"is_active": False})
    answers = [admin.post(f"/api-keys/{made['id']}/rotate", json={}) for made in (first, second)]
    assert [(answer.status_code, answer.json["detail"]) for answer in answers] == [
        (409, f"API key {first['id']} was rotated already: API key {new['id']} replaced it."),
        (409, f"API key {second['id']} is not valid any more. Create a new one."),
    ]


def test_a_successor_is_not_deleted_while_the_old_key_works(admin):
    old = create(admin)["id"]
    new = admin.post(f"/api-keys/{old}/rotate", json={"grace_hours": 1}).json["id"]
    answer = admin.delete(f"/api-keys/{new}")
    sentence = f"API key {new} replaced API key {old}, which is still valid. Revoke or delete that first."
    assert (answer.status_code, answer.json["detail"]) == (409, sentence)
    admin.patch(f"/api-keys/{old}", json={"is_active": False})
    assert admin.delete(f"/api-keys/{new}").status_code == 200


def test_a_repeated_rotation_returns_the_same_key(admin):
    path, headers = f"/api-keys/{create(admin)['id']}/rotate", {"Idempotency-Key": "once"}
    first, again = (admin.post(path, json={}, headers=headers) for _ in range(2))
    assert (again.status_code, again.json) == (201, first.json)
