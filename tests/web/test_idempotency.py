import hashlib
import threading
from datetime import timedelta

import pytest
from nacl.secret import SecretBox

from app.extensions import db
from app.models import IdempotencyKey, RecipeRun
from app.routes import recipe_runs
from tests.support.apps import ADMIN_KEY, SALT, client_with
from tests.support.databases import application, on_postgresql
from tests.support.factories import make_key, run_body
from tests.support.live import PATIENCE
from tests.support.threads import at_once

JSON = {"Content-Type": "application/json"}
KEY = {"Idempotency-Key": "8e03978e-40d5-43dd-bc93-6894a57f9324"}


def bodies(app):
    return {
        "/bakeries/": {"region": "here", "name": "mine", "description": ""},
        "/feedstocks/": {"spec": "a/b-feedstock"},
        "/recipe_runs/": run_body(app),
        "/api-keys": {"label": "dataflow"},
    }


@pytest.mark.parametrize("path", ["/bakeries/", "/feedstocks/", "/recipe_runs/", "/api-keys"])
def test_a_repeated_post_is_executed_once_with_the_same_answer(app, admin, path):
    body = bodies(app)[path]
    first = admin.post(path, json=body, headers=KEY)
    again = admin.post(path, json=body, headers=KEY)
    assert (first.status_code, again.status_code) == (201, 201)
    assert again.data == first.data
    assert again.headers.get("Location") == first.headers.get("Location")
    assert ("Idempotency-Replayed" in first.headers, again.headers["Idempotency-Replayed"]) == (False, "true")


def test_without_the_header_each_post_is_executed(app, writer):
    body = run_body(app)
    assert writer.post("/recipe_runs/", json=body).json["id"] != writer.post("/recipe_runs/", json=body).json["id"]


def test_the_key_may_be_quoted(app, writer):
    body = run_body(app)
    first = writer.post("/recipe_runs/", json=body, headers={"Idempotency-Key": "abc"})
    assert writer.post("/recipe_runs/", json=body, headers={"Idempotency-Key": '"abc"'}).json == first.json


def test_another_payload_under_the_same_key_is_422(app, writer):
    body = run_body(app)
    writer.post("/recipe_runs/", json=body, headers=KEY)
    response = writer.post("/recipe_runs/", json=body | {"version": "2"}, headers=KEY)
    assert response.status_code == 422
    assert response.json["errors"][0]["in"] == "header"
    assert writer.get("/stats/recipe_runs").json == {"count": 1}


@pytest.mark.parametrize(
    "form",
    [
        '{ "spec" : "a/b", "provider":"github" }\n',
        '{"provider":"github","spec":"a/b"}',
        '{"provider":"github","spec":"a\\/\\u0062"}',
        '{"spec":"x/y","provider":"github","spec":"a/b"}',
    ],
)
def test_the_same_json_in_another_form_is_the_same_request(writer, form):
    first = writer.post("/feedstocks/", data='{"spec":"a/b","provider":"github"}', headers=KEY | JSON)
    again = writer.post("/feedstocks/", data=form, headers=KEY | JSON)
    assert (again.status_code, again.data) == (201, first.data)
    assert again.headers["Idempotency-Replayed"] == "true"


def test_a_body_that_is_nested_deeply_is_refused_like_without_the_header(writer):
    body = '{"spec":' + "[" * 300 + "]" * 300 + "}"
    assert writer.post("/feedstocks/", data=body, headers=KEY | JSON).status_code == 422


@pytest.fixture
def rotated(app, admin):
    """Clients with a key, and with the two that replaced it one after the other."""
    record = admin.post("/api-keys", json={}).json
    keys = [record["key"]]
    for _ in range(2):
        record = admin.post(f"/api-keys/{record['id']}/rotate", json={}).json
        keys.append(record["key"])
    return [client_with(app, key) for key in keys]


@pytest.mark.parametrize(("first", "again"), [(0, 1), (0, 2), (1, 2), (2, 0)])
def test_a_key_of_the_same_rotation_finds_the_answer(app, rotated, first, again):
    body = run_body(app)
    answers = [rotated[index].post("/recipe_runs/", json=body, headers=KEY) for index in (first, again)]
    assert answers[1].data == answers[0].data
    assert answers[1].headers["Idempotency-Replayed"] == "true"
    assert rotated[0].get("/stats/recipe_runs").json == {"count": 1}


def test_only_the_key_that_created_an_api_key_reads_the_answer_again(app, admin):
    old = admin.post("/api-keys", json={"scopes": ["admin"]}).json
    new = admin.post(f"/api-keys/{old['id']}/rotate", json={}).json
    clients = [client_with(app, record["key"]) for record in (old, new)]
    created = clients[0].post("/api-keys", json={}, headers=KEY)
    again = clients[1].post("/api-keys", json={}, headers=KEY)
    assert again.status_code == 409
    assert again.json["detail"].endswith("only the API key that sent it can read it.")
    assert clients[0].post("/api-keys", json={}, headers=KEY).json == created.json


def test_an_answer_that_an_earlier_release_stored_is_found(app, writer):
    body = b'{"spec": "a/b"}'
    first = writer.post("/feedstocks/", data=body, headers=KEY | JSON)
    with app.app_context():
        (kept,) = db.session.query(IdempotencyKey)
        kept.fingerprint = hashlib.sha256(b"POST\0/feedstocks\0" + body).hexdigest()
        secret = f"{SALT} seal {writer.environ_base['HTTP_X_API_KEY']}".encode()
        kept.sealed_body = SecretBox(hashlib.sha256(secret).digest()).encrypt(first.data)
        db.session.commit()
    again = writer.post("/feedstocks/", data=body, headers=KEY | JSON)
    assert (again.data, again.headers["Idempotency-Replayed"]) == (first.data, "true")


def test_another_path_under_the_same_key_is_422(app, admin):
    assert admin.post("/feedstocks/", json={"spec": "a/b"}, headers=KEY).status_code == 201
    assert admin.post("/api-keys", json={}, headers=KEY).status_code == 422


def test_each_api_key_has_separate_idempotency_keys(app, writer, admin):
    body = run_body(app)
    ids = {client.post("/recipe_runs/", json=body, headers=KEY).json["id"] for client in (writer, admin)}
    assert len(ids) == 2


def test_a_failed_request_may_be_repeated_with_the_same_key(app, writer):
    body = run_body(app, feedstock_id=99)
    assert writer.post("/recipe_runs/", json=body, headers=KEY).status_code == 422
    body = run_body(app)
    assert writer.post("/recipe_runs/", json=body, headers=KEY).status_code == 201


@pytest.mark.parametrize("key", ["", '""', "two words", "é", "a" * 256, "a\tb"])
def test_a_key_that_is_not_visible_ascii_is_400(app, writer, key):
    response = writer.post("/feedstocks/", json={"spec": "a/b"}, headers={"Idempotency-Key": key})
    assert response.status_code == 400
    assert writer.get("/stats/feedstocks").json == {"count": 0}


def test_without_an_api_key_the_answer_is_403(client):
    assert client.post("/feedstocks/", json={"spec": "a/b"}, headers=KEY).status_code == 403


def test_an_answer_is_kept_for_24_hours(app, writer):
    body = run_body(app)
    first = writer.post("/recipe_runs/", json=body, headers=KEY).json["id"]
    make_older(app, timedelta(hours=23, minutes=59))
    assert writer.post("/recipe_runs/", json=body, headers=KEY).json["id"] == first
    make_older(app, timedelta(minutes=2))
    assert writer.post("/recipe_runs/", json=body, headers=KEY).json["id"] != first


def test_purge_deletes_older_answers(app, writer):
    writer.post("/feedstocks/", json={"spec": "a/b"}, headers=KEY)
    make_older(app, timedelta(hours=25))
    writer.post("/feedstocks/", json={"spec": "a/c"}, headers={"Idempotency-Key": "new"})
    assert app.test_cli_runner().invoke(args=["idempotency", "purge"]).output == "Deleted 1 answer.\n"
    with app.app_context():
        assert [kept.key for kept in db.session.query(IdempotencyKey)] == ["new"]


def test_a_kept_answer_does_not_reveal_the_api_key_in_it(app, admin):
    key = admin.post("/api-keys", json={}, headers=KEY).json["key"]
    with app.app_context():
        (kept,) = db.session.query(IdempotencyKey)
        assert key.encode() not in kept.sealed_body


def make_older(app, duration):
    """Make all stored answers older."""
    with app.app_context():
        for kept in db.session.query(IdempotencyKey):
            kept.created_at -= duration
        db.session.commit()


@on_postgresql
def test_a_repeated_post_is_409_while_the_first_is_in_progress(migrated_url, monkeypatch):
    started, finish = threading.Event(), threading.Event()
    created = recipe_runs.created

    def wait(*arguments):
        started.set()
        assert finish.wait(PATIENCE)
        return created(*arguments)

    monkeypatch.setattr(recipe_runs, "created", wait)
    with application(migrated_url) as app:
        body, headers = run_body(app), KEY | {"X-API-Key": ADMIN_KEY}
        first = threading.Thread(target=lambda: app.test_client().post("/recipe_runs/", json=body, headers=headers))
        first.start()
        assert started.wait(PATIENCE)
        response = app.test_client().post("/recipe_runs/", json=body, headers=headers)
        finish.set()
        first.join()
        assert response.status_code == 409
        assert response.json["detail"].endswith("is still in progress; try again in a moment.")
        with app.app_context():
            assert db.session.query(RecipeRun).count() == 1


def test_eight_concurrent_posts_create_one_record(migrated_url, long_timeouts):
    with application(migrated_url, long_timeouts(migrated_url), WEB_CONNECTIONS="8") as app:
        make_key(app, "a-key")
        body, headers = run_body(app), KEY | {"X-API-Key": "a-key"}
        responses = at_once(*[lambda: app.test_client().post("/recipe_runs/", json=body, headers=headers)] * 8)
        statuses = {response.status_code for response in responses}
        assert statuses <= {201, 409}
        assert 201 in statuses
        with app.app_context():
            assert db.session.query(RecipeRun).count() == 1
