from app.database.columns import now
from tests.support.factories import make_run, run_body


def events(client, run_id):
    return client.get(f"/recipe_runs/{run_id}/events").json


def test_creation_is_the_first_event(app, admin):
    run = admin.post("/recipe_runs/", json=run_body(app, status="in_progress")).json
    (event,) = events(admin, run["id"])
    assert list(event) == ["id", "recipe_run_id", "at", "actor", "from", "to", "reason"]
    assert event | {"id": 0} == {
        "id": 0,
        "recipe_run_id": run["id"],
        "at": run["created_at"],
        "actor": "admin",
        "from": None,
        "to": {"status": "in_progress"},
        "reason": None,
    }


def test_a_change_adds_an_event_with_its_fields_and_its_reason(app, admin):
    run = make_run(app, message="before")
    body = {"status": "in_progress", "message": "after", "version": run.version, "reason": "Dataflow says so."}
    answer = admin.patch(f"/recipe_runs/{run.id}", json=body).json
    (event,) = events(admin, run.id)
    assert event["from"] == {"status": "queued", "message": "before"}
    assert event["to"] == {"status": "in_progress", "message": "after"}
    assert (event["at"], event["reason"]) == (answer["updated_at"], "Dataflow says so.")


def test_an_event_has_the_fields_that_the_service_changed(app, admin):
    run = make_run(app, status="in_progress")
    answer = admin.patch(f"/recipe_runs/{run.id}", json={"conclusion": "success"}).json
    (event,) = events(admin, run.id)
    assert event["from"] == {"status": "in_progress", "conclusion": None, "completed_at": None}
    assert event["to"] == {"status": "completed", "conclusion": "success", "completed_at": answer["completed_at"]}


def test_an_update_without_a_change_adds_no_event(app, admin):
    run = make_run(app)
    before = admin.get(f"/recipe_runs/{run.id}").json
    for body in ({}, {"status": "queued"}, {"version": run.version, "reason": "none"}):
        assert admin.patch(f"/recipe_runs/{run.id}", json=body).status_code == 200
    assert events(admin, run.id) == []
    assert admin.get(f"/recipe_runs/{run.id}").json == before


def test_a_refused_change_adds_no_event(app, admin):
    run = make_run(app, status="in_progress")
    assert admin.patch(f"/recipe_runs/{run.id}", json={"status": "queued"}).status_code == 409
    assert events(admin, run.id) == []


def test_events_name_the_label_of_the_key(app, admin):
    run = make_run(app)
    for label in ("dataflow", None):
        key = admin.post("/api-keys", json={"label": label}).json["key"]
        body = {"message": f"from {label}"}
        app.test_client().patch(f"/recipe_runs/{run.id}", json=body, headers={"X-API-Key": key})
    assert [event["actor"] for event in events(admin, run.id)] == ["dataflow", "a key without a label"]


def test_events_are_deleted_with_their_run(app, admin):
    run = admin.post("/recipe_runs/", json=run_body(app)).json
    admin.delete(f"/recipe_runs/{run['id']}")
    response = admin.get(f"/recipe_runs/{run['id']}/events")
    assert (response.status_code, response.json["detail"]) == (404, f"recipe run {run['id']} not found")


def test_events_are_paged_like_other_lists(app, admin):
    run = make_run(app)
    for number in range(3):
        admin.patch(f"/recipe_runs/{run.id}", json={"message": str(number)})
    page = admin.get(f"/recipe_runs/{run.id}/events?limit=1&sort=desc&offset=1").json
    assert [event["to"] for event in page] == [{"message": "1"}]


def test_a_run_has_the_times_of_its_creation_and_last_change(app, admin):
    before = now().isoformat().replace("+00:00", "Z")
    run = admin.post("/recipe_runs/", json=run_body(app)).json
    assert before <= run["created_at"] == run["updated_at"]
    changed = admin.patch(f"/recipe_runs/{run['id']}", json={"version": "2"}).json
    assert changed["created_at"] == run["created_at"] < changed["updated_at"]
