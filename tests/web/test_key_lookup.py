"""The lookup of a key: its checksum detects typing errors, one statement finds it, and its use is recorded."""

import threading
import zlib
from datetime import UTC, datetime, timedelta

import pytest

from app.extensions import db
from app.keys import has_wrong_checksum, new_key
from app.models import APIKey
from app.web.auth import WRONG_KEY
from tests.routes.test_api_keys import create, works
from tests.support.databases import application, on_postgresql
from tests.support.factories import make_key
from tests.support.sent import statements


def mistyped(key):
    """Versions of `key` with typing errors: a replaced, a swapped, a missing and an additional character."""
    yield key[:10] + ("a" if key[10] != "a" else "b") + key[11:]
    yield key[:8] + key[9] + key[8] + key[10:] if key[8] != key[9] else key[:-1]
    yield from (key[:-1], key + "a", key[:4], key[:-1] + "é")


def test_a_new_key_has_a_checksum_that_detects_typing_errors():
    for key in (new_key() for _ in range(100)):
        assert not has_wrong_checksum(key)
        assert all(has_wrong_checksum(wrong) for wrong in mistyped(key))


@pytest.mark.parametrize("key", ["0123456789abcdef0123456789abcdef", "pfk", "PFK_1", "mine", ""])
def test_a_key_of_another_form_is_not_mistyped(key):
    assert not has_wrong_checksum(key)


def test_the_checksum_is_crc_32_in_base_62_as_documented():
    crc = zlib.crc32(b"0" * 30)
    assert crc == 2 * 62**5 + 12 * 62**4 + 8 * 62**3 + 16 * 62**2 + 45 * 62 + 28
    assert not has_wrong_checksum("pfk_" + "0" * 30 + "2C8GjS")


def test_a_mistyped_key_never_reaches_the_database(app, client):
    client.get("/api-keys/me", headers={"X-API-Key": "warm up"})
    with statements() as sent:
        for wrong in mistyped(new_key()):
            response = client.get("/api-keys/me", headers={"X-API-Key": wrong.encode().decode("latin-1")})
            assert (response.status_code, response.json["detail"]) == (401, WRONG_KEY)
        assert sent == []
        assert client.get("/api-keys/me", headers={"X-API-Key": new_key()}).status_code == 401
    assert len(sent) == 1


def test_the_lookup_of_a_key_is_one_statement(app):
    make_key(app, "a-key", last_used_at=datetime.now(UTC))
    client = app.test_client()
    client.delete("/bakeries/abc", headers={"X-API-Key": "warm up"})
    with statements() as sent:
        assert client.delete("/bakeries/abc", headers={"X-API-Key": "a-key"}).status_code == 422
    assert len(sent) == 1


@pytest.mark.parametrize("hours", [-1, 0, 1])
def test_an_expired_key_is_401(app, hours):
    make_key(app, "a-key", expires_at=datetime.now(UTC) + timedelta(hours=hours))
    assert me(app, "a-key").status_code == (200 if hours > 0 else 401)


def test_no_transaction_is_open_while_the_body_is_read(migrated_url):
    with application(migrated_url) as app:
        make_key(app, "a-key")
        open_then = []

        class Body:
            def read(self, _size=-1):
                open_then.append(db.session.registry().in_transaction() or db.engine.pool.checkedout())
                return b""

            readline = read

        environ = {"HTTP_X_API_KEY": "a-key", "wsgi.input": Body(), "CONTENT_LENGTH": "2"}
        app.test_client().post("/feedstocks/", content_type="application/json", environ_overrides=environ)
    assert set(open_then) == {0}


def test_use_is_recorded_once_a_minute(app, admin):
    made = create(admin)
    assert works(app, made["key"])
    first = admin.get(f"/api-keys/{made['id']}").json["last_used_at"]
    assert datetime.now(UTC) - datetime.fromisoformat(first) < timedelta(minutes=1)
    assert works(app, made["key"])
    assert admin.get(f"/api-keys/{made['id']}").json["last_used_at"] == first
    with app.app_context():
        db.session.execute(db.update(APIKey).values(last_used_at=datetime.now(UTC) - timedelta(seconds=61)))
        db.session.commit()
    assert works(app, made["key"])
    assert admin.get(f"/api-keys/{made['id']}").json["last_used_at"] > first


def test_recording_the_use_of_a_key_waits_for_no_other_transaction(migrated_url, long_timeouts):
    with application(migrated_url, long_timeouts(migrated_url)) as app:
        make_key(app, "a-key")
        begin = "BEGIN IMMEDIATE" if migrated_url.get_backend_name() == "sqlite" else "BEGIN"
        with app.app_context(), db.engine.connect() as other:
            other.exec_driver_sql("UPDATE apikey SET label = 'held'") if begin == "BEGIN" else other.begin()
            answers = []
            call = threading.Thread(target=lambda: answers.append(me(app, "a-key")))
            call.start()
            call.join(timeout=60)  # a lock would take five minutes to time out
            assert [answer.status_code for answer in answers] == [200]


def me(app, key):
    return app.test_client().get("/api-keys/me", headers={"X-API-Key": key})


@on_postgresql
def test_a_key_works_if_its_use_cannot_be_recorded(migrated_url, caplog):
    with application(migrated_url) as app:
        make_key(app, "a-key")
        with app.app_context(), db.engine.connect() as other:
            other.exec_driver_sql("LOCK TABLE apikey IN EXCLUSIVE MODE")
            request_id = me(app, "a-key").headers["X-Request-ID"]
    (line,) = (record for record in caplog.records if record.getMessage() == "use of a key not recorded")
    assert (line.key_id, line.error, line.request_id) == (1, "OperationalError", request_id)
