"""The audit log has an entry for every write and every key operation, in the same transaction. Entries are final."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy.exc import DBAPIError

from app.database.columns import wire_time
from app.extensions import db
from app.models import AuditEntry, RecipeRunEvent
from tests.support.apps import client_with
from tests.support.factories import BODY, MAKE, make_bakery, make_run, run_body

ID = {"X-Request-ID": "the-request"}


def entries(admin, query=""):
    response = admin.get(f"/audit{query}")
    assert response.status_code == 200, response.text
    return response.json


def brief(admin):
    return [(entry["action"], entry["resource"], entry["resource_id"], entry["details"]) for entry in entries(admin)]


@pytest.fixture
def client_and_key_id(app, admin):
    """A client with a key of the database, and the id of the key."""
    made = admin.post("/api-keys", json={"label": "dataflow"}).json
    return client_with(app, made["key"]), made["id"]


@pytest.mark.parametrize(
    ("noun", "name"), [("bakeries", "bakery"), ("feedstocks", "feedstock"), ("recipe_runs", "recipe_run")]
)
def test_every_write_adds_an_entry(app, admin, noun, name):
    number = admin.post(f"/{noun}/", json=BODY[noun](app)).json["id"]
    body = {"version": "2"} if noun == "recipe_runs" else {"spec": "a/b"} if noun == "feedstocks" else {"region": "b"}
    admin.patch(f"/{noun}/{number}", json=body)
    admin.delete(f"/{noun}/{number}/")
    expected = [("create", None), ("update", {"members": sorted(body)}), ("delete", None)]
    assert brief(admin) == [(f"{verb}_{name}", noun, number, details) for verb, details in expected]


def test_an_entry_has_actor_action_time_and_request_id(admin, client_and_key_id):
    client, number = client_and_key_id
    made = client.post("/feedstocks/", json={"spec": "a/b"}, headers=ID).json
    entry = entries(admin)[-1]
    age = datetime.now(UTC) - datetime.fromisoformat(entry.pop("at"))
    assert timedelta(0) <= age < timedelta(minutes=1)
    expected = {"actor": "dataflow", "key_id": number, "action": "create_feedstock", "resource": "feedstocks"}
    expected |= {"resource_id": made["id"], "request_id": "the-request", "details": None}
    assert entry == {"id": entry["id"]} | expected


def test_each_run_created_in_bulk_adds_an_entry(app, admin):
    body = run_body(app)
    made = admin.post("/recipe_runs/bulk", json={"recipe_runs": [body, body]}).json["recipe_runs"]
    assert brief(admin) == [("create_recipe_runs", "recipe_runs", run["id"], None) for run in made]


def test_every_operation_on_a_key_adds_an_entry(admin):
    one = admin.post("/api-keys", json={"label": "a"}).json["id"]
    two = admin.post(f"/api-keys/{one}/rotate", json={}).json["id"]
    admin.patch(f"/api-keys/{two}", json={"is_active": False})
    admin.delete(f"/api-keys/{one}")
    state = {"label": "a", "scopes": ["write"]}
    assert brief(admin) == [
        ("create_api_key", "api-keys", one, state),
        ("rotate_api_key", "api-keys", one, {"label": "a", "successor": two}),
        ("update_api_key", "api-keys", two, {"members": ["is_active"], "is_active": False} | state),
        ("delete_api_key", "api-keys", one, {"label": "a"}),
    ]


def test_an_update_without_a_change_adds_no_entry(app, client, writer, admin):
    before = len(entries(admin))
    bakery, run = make_bakery(app, name="b", region="r", description=""), make_run(app)
    writer.post("/bakeries/", json={"name": "b", "region": "r", "description": ""})
    writer.patch(f"/bakeries/{bakery.id}", json={})
    writer.patch("/bakeries/999", json={"region": "s"})
    writer.patch(f"/bakeries/{bakery.id}", json={"region": "r"})
    writer.patch(f"/recipe_runs/{run.id}", json={"version": run.version, "reason": "none"})
    writer.patch(f"/recipe_runs/{run.id}", json={"conclusion": "stale"})
    writer.post("/api-keys", json={})
    client.delete(f"/recipe_runs/{run.id}")
    assert len(entries(admin)) == before


def test_an_update_of_a_key_without_a_change_adds_no_entry(app, admin):
    number = admin.post("/api-keys", json={"label": "a"}).json["id"]
    admin.patch(f"/api-keys/{number}", json={"label": "a", "scopes": ["write"]})
    for _ in range(2):
        assert app.test_cli_runner().invoke(args=["api-keys", "revoke", str(number)]).exit_code == 0
    assert [entry["action"] for entry in entries(admin)] == ["create_api_key", "update_api_key"]


def test_a_repeated_post_adds_one_entry(admin):
    for _ in range(2):
        admin.post("/feedstocks/", json={"spec": "a/b"}, headers={"Idempotency-Key": "one"})
    assert len(entries(admin)) == 1


def test_a_write_that_fails_at_the_end_leaves_no_entry(app, admin, monkeypatch):
    monkeypatch.setattr(db.session, "commit", lambda: 1 / 0)
    assert admin.post("/feedstocks/", json={"spec": "a/b"}).status_code == 500
    monkeypatch.undo()
    assert (entries(admin), admin.get("/stats/feedstocks").json) == ([], {"count": 0})


def test_the_log_is_paged_and_filtered(app, admin, client_and_key_id):
    client, number = client_and_key_id
    times = []
    for noun in MAKE:
        times.append(client.post(f"/{noun}/", json=BODY[noun](app)) and datetime.now(UTC))
    first, since = entries(admin)[1], wire_time(times[0]).replace("+", "%2B")
    assert len(entries(admin, f"?key_id={number}")) == len(entries(admin, "?actor=dataflow")) == 3
    assert [entry["resource"] for entry in entries(admin, f"?since={since}")] == ["feedstocks", "recipe_runs"]
    assert entries(admin, f"?actor=dataflow&until={since}") == [first]
    assert entries(admin, f"?resource=bakeries&resource_id={first['resource_id']}") == [first]
    assert entries(admin, "?limit=1&sort=desc&fields=action") == [{"action": "create_recipe_run"}]


def test_ids_of_entries_and_events_exceed_32_bits(app, admin):
    last, at, run = 2**40, datetime.now(UTC), make_run(app)
    with app.app_context():
        db.session.add(AuditEntry(id=last, at=at, actor="a", action="b", resource="c"))
        db.session.add(RecipeRunEvent(id=last, recipe_run_id=run.id, at=at, actor="a", after={}))
        db.session.commit()
    for path in ("/audit", f"/recipe_runs/{run.id}/events"):
        assert [entry["id"] for entry in admin.get(f"{path}?id={last}").json] == [last]


@pytest.mark.parametrize("method", ["POST", "PATCH", "DELETE"])
def test_only_administrators_read_the_log_and_nobody_changes_it(client, writer, admin, method):
    assert [client.get("/audit").status_code, writer.get("/audit").status_code] == [403, 403]
    assert admin.open("/audit", method=method).status_code == 405


def test_the_database_itself_refuses_to_change_the_log(app, admin):
    admin.post("/feedstocks/", json={"spec": "a/b"})
    with app.app_context():
        truncate = ["TRUNCATE audit"] if db.engine.dialect.name == "postgresql" else []
        values = "SELECT id, at, 'nobody', action, resource FROM audit"
        replace = f"INSERT OR REPLACE INTO audit (id, at, actor, action, resource) {values}"
        special = truncate or [replace]
        for statement in ["UPDATE audit SET actor = 'nobody'", "DELETE FROM audit", *special]:
            with pytest.raises(DBAPIError, match="the audit log is only ever added to"):
                db.session.execute(db.text(statement))
            db.session.rollback()
    assert len(entries(admin)) == 1


@pytest.mark.parametrize(
    ("command", "action"),
    [("seed", "seed"), ("runs timeout ldeo 60", "set_timeout"), ("runs reap --older-than 0", "reap")],
)
def test_commands_that_write_add_entries_by_system(app, admin, command, action):
    if command != "seed":
        make_run(app, bakery_id=make_bakery(app, name="ldeo").id)
    assert app.test_cli_runner().invoke(args=command.split()).exit_code == 0
    (entry,) = entries(admin)
    assert (entry["actor"], entry["action"], entry["key_id"], entry["request_id"]) == ("system", action, None, None)


def test_a_reaper_that_ends_no_run_adds_no_entry(app, admin):
    make_run(app)
    assert app.test_cli_runner().invoke(args=["runs", "reap", "--dry-run"]).exit_code == 0
    assert entries(admin) == []
