"""The secrets with which bakeries sign their reports."""

import base64
from datetime import timedelta

import pytest

from app.database.columns import now
from app.extensions import db
from app.models import BakerySecret
from tests.support.factories import make_bakery, make_run
from tests.support.signed import post_signed


@pytest.fixture
def bakery(app):
    return make_bakery(app)


@pytest.fixture
def path(bakery):
    return f"/bakeries/{bakery.id}/webhook-secret"


@pytest.fixture
def accepted(app, client, bakery):
    """A function that says whether a report that is signed with a secret is accepted."""
    report = {"run_id": make_run(app, bakery_id=bakery.id).id}
    return lambda secret: post_signed(client, f"/bakeries/{bakery.id}/reports", secret, report).status_code == 200


def rows(app):
    with app.app_context():
        return list(db.session.scalars(db.select(BakerySecret).order_by(BakerySecret.id)))


def test_a_secret_has_the_form_of_standard_webhooks(admin, path, bakery):
    response = admin.post(path, json={})
    made = response.json
    assert (response.status_code, list(made)) == (201, ["id", "bakery_id", "secret", "created_at", "created_by"])
    assert (made["bakery_id"], made["created_by"]) == (bakery.id, "admin")
    assert len(base64.b64decode(made["secret"].removeprefix("whsec_"), validate=True)) == 32


def test_a_secret_is_stored_encrypted_and_shown_nowhere_else(app, admin, path, caplog):
    secret = admin.post(path, json={}).json["secret"]
    (row,) = rows(app)
    assert secret not in (row.sealed, repr(row))
    shown = [admin.get(place).text for place in ("/audit", path.removesuffix("/webhook-secret"))]
    assert secret not in "".join([*shown, caplog.text])


def test_after_a_rotation_both_secrets_are_valid_for_a_day(app, admin, path, accepted):
    first, second = (admin.post(path, json={}).json["secret"] for _ in range(2))
    assert accepted(first)
    assert accepted(second)
    old, new = rows(app)
    assert timedelta(hours=23) < old.expires_at - now() <= timedelta(hours=24)
    assert new.expires_at is None


def test_without_an_overlap_the_former_secret_is_invalid_at_once(admin, path, accepted):
    first = admin.post(path, json={}).json["secret"]
    second = admin.post(path, json={"overlap_minutes": 0}).json["secret"]
    assert (accepted(first), accepted(second)) == (False, True)


def test_a_rotation_does_not_extend_the_life_of_an_older_secret(app, admin, path):
    for minutes in (0, 5, 600):
        admin.post(path, json={"overlap_minutes": minutes})
    lives = [row.expires_at and row.expires_at - now() for row in rows(app)]
    assert lives[0] <= timedelta(minutes=5)
    assert timedelta(minutes=599) < lives[1] <= timedelta(minutes=600)


def test_a_revoked_secret_is_invalid_at_once(admin, path, accepted):
    secrets = [admin.post(path, json={}).json["secret"] for _ in range(2)]
    assert admin.delete(path).json == {"ok": True}
    assert not any(map(accepted, secrets))
    assert admin.delete(path).status_code == 404


def test_an_expired_secret_is_invalid(app, admin, path, accepted):
    secret = admin.post(path, json={}).json["secret"]
    with app.app_context():
        db.session.execute(db.update(BakerySecret).values(expires_at=now()))
        db.session.commit()
    assert not accepted(secret)


def test_a_secret_is_invalid_after_a_change_of_the_salt(app, admin, path, accepted, monkeypatch):
    secret = admin.post(path, json={}).json["secret"]
    monkeypatch.setitem(app.config, "ENCRYPTION_SALT", "another")
    assert not accepted(secret)


@pytest.mark.parametrize("method", ["POST", "DELETE"])
def test_only_administrators_manage_secrets(writer, path, method):
    assert writer.open(path, method=method, json={}).status_code == 403


@pytest.mark.parametrize("method", ["POST", "DELETE"])
def test_a_bakery_that_does_not_exist_is_404(admin, method):
    response = admin.open("/bakeries/99999/webhook-secret", method=method, json={})
    assert (response.status_code, response.json["detail"]) == (404, "bakery 99999 not found")


@pytest.mark.parametrize("minutes", [-1, 43_201, None, "5"])
def test_an_overlap_is_at_most_a_month(admin, path, minutes):
    assert admin.post(path, json={"overlap_minutes": minutes}).status_code == 422


def test_a_bakery_with_a_secret_can_be_deleted(app, admin, path, bakery):
    admin.post(path, json={})
    assert admin.delete(f"/bakeries/{bakery.id}").status_code == 200
    assert rows(app) == []


def test_the_audit_log_says_who_created_and_revoked_a_secret(admin, path, bakery):
    made = admin.post(path, json={}).json
    admin.delete(path)
    revoked, created = admin.get("/audit?sort=desc&limit=2").json
    assert (created["action"], created["details"]) == ("create_webhook_secret", {"secret_id": made["id"]})
    assert (created["resource"], created["resource_id"]) == ("bakeries", bakery.id)
    assert revoked["action"] == "revoke_webhook_secret"


def test_only_the_key_that_created_a_secret_reads_it_again(app, admin, path):
    key = {"Idempotency-Key": "one"}
    first, again = (admin.post(path, json={}, headers=key).json for _ in range(2))
    assert first["secret"] == again["secret"]
    assert len(rows(app)) == 1
