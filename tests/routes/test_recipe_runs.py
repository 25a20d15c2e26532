import re
from unittest.mock import ANY

import pytest

from tests.support.factories import STARTED_AT, make_bakery, make_feedstock, make_run, run_body
from tests.support.sent import statements

FULL = {
    "recipe_id": "gpcp",
    "head_sha": "main",
    "version": "",
    "started_at": "2022-03-03T02:29:54Z",
    "completed_at": "2022-03-03T03:11:20.055180Z",
    "conclusion": "success",
    "status": "completed",
    "is_test": True,
    "dataset_type": "kerchunk",
    "dataset_public_url": "https://data.org/océan.json",
    "message": '{"job_name": "a6170692e"}',
}
UNSET = {
    "completed_at": None,
    "conclusion": None,
    "status": "queued",
    "is_test": False,
    "dataset_type": None,
    "dataset_public_url": None,
    "message": None,
    "rerun_of": None,
    "snapshot_id": None,
    "external_id": None,
    "external_url": None,
    "failure": None,
    "time_problem": None,
}
COMPUTED = ("failure", "time_problem")
LATER = {"created_at": ANY, "updated_at": ANY}
TEXTS = {"dataset_public_url": "u", "message": "m"}


def test_create_fills_in_the_optional_fields(app, writer):
    body = run_body(app)
    response = writer.post("/recipe_runs/", json=body)
    assert response.status_code == 201
    assert response.json == body | UNSET | LATER | {"id": response.json["id"]}
    assert response.headers["Location"] == f"/recipe_runs/{response.json['id']}"


def test_create_accepts_null_for_nullable_fields(app, admin):
    nulls = {name: value for name, value in UNSET.items() if value is None and name not in COMPUTED}
    response = admin.post("/recipe_runs/", json=run_body(app, **nulls))
    assert response.status_code == 201
    assert response.json.items() >= UNSET.items()


def test_create_stores_every_field(app, writer):
    body = run_body(app, **FULL)
    created = writer.post("/recipe_runs/", json=body).json
    assert created == body | LATER | {"id": created["id"]} | dict.fromkeys(
        UNSET.keys() & {"rerun_of", "snapshot_id", "external_id", "external_url", *COMPUTED}
    )
    assert writer.get("/recipe_runs/").json == [created]


def test_answers_are_compact_and_their_fields_in_wire_order(app, writer):
    body = run_body(app, **FULL)
    response = writer.post("/recipe_runs/", json=body)
    assert response.get_data().decode() == (
        f'{{"recipe_id":"gpcp","bakery_id":{body["bakery_id"]},"feedstock_id":{body["feedstock_id"]},'
        '"head_sha":"main","version":"","started_at":"2022-03-03T02:29:54Z",'
        '"completed_at":"2022-03-03T03:11:20.055180Z","conclusion":"success","status":"completed","is_test":true,'
        '"dataset_type":"kerchunk","dataset_public_url":"https://data.org/océan.json",'
        f'"message":"{{\\"job_name\\": \\"a6170692e\\"}}","id":{response.json["id"]},'
        f'"created_at":"{response.json["created_at"]}","updated_at":"{response.json["created_at"]}","rerun_of":null,'
        '"snapshot_id":null,"external_id":null,"external_url":null,"failure":null,"time_problem":null}'
    )


def test_create_twice_creates_two_runs(app, writer):
    body = run_body(app)
    ids = {writer.post("/recipe_runs/", json=body).json["id"] for _ in range(2)}
    assert len(ids) == 2


def test_create_with_an_empty_body_names_every_required_field_in_order(writer):
    errors = writer.post("/recipe_runs/", json={}).json["errors"]
    required = ["recipe_id", "bakery_id", "feedstock_id", "head_sha", "version", "started_at"]
    assert errors == [
        {"in": "body", "pointer": f"/{name}", "detail": f"{name}: Missing data for required field."}
        for name in required
    ]


@pytest.mark.parametrize("missing", [["bakery_id"], ["feedstock_id"], ["bakery_id", "feedstock_id"]])
@pytest.mark.parametrize("number", [99_999, 2**31 - 1])
def test_create_with_a_missing_parent_is_422_and_names_it(app, writer, missing, number):
    response = writer.post("/recipe_runs/", json=run_body(app, **dict.fromkeys(missing, number)))
    assert response.status_code == 422
    assert response.json["errors"] == [
        {"in": "body", "pointer": f"/{name}", "detail": f"{name.removesuffix('_id')} {number} not found"}
        for name in missing
    ]
    assert writer.get("/recipe_runs/").json == []


def test_update_to_a_missing_parent_is_422_and_changes_nothing(app, writer):
    run = make_run(app, version="1")
    response = writer.patch(f"/recipe_runs/{run.id}", json={"version": "2", "bakery_id": 99_999})
    assert response.status_code == 422
    assert response.json["errors"] == [{"in": "body", "pointer": "/bakery_id", "detail": "bakery 99999 not found"}]
    assert writer.get(f"/recipe_runs/{run.id}").json["version"] == "1"


IN_USE = {"retired_at": None}
OPEN = IN_USE | {"log_url": None}


def test_get_adds_the_flat_bakery_and_feedstock(app, client):
    bakery, feedstock = make_bakery(app, name="ldeo"), make_feedstock(app, spec="a/b")
    run = make_run(app, bakery_id=bakery.id, feedstock_id=feedstock.id)
    (flat,) = client.get("/recipe_runs/").json
    body = client.get(f"/recipe_runs/{run.id}").json
    assert list(body) == [*flat, "bakery", "feedstock"]
    assert body == flat | {
        "bakery": {"region": "us-central1", "name": "ldeo", "description": "A bakery.", "id": bakery.id, **OPEN},
        "feedstock": {"spec": "a/b", "provider": "github", "id": feedstock.id, **IN_USE},
    }


@pytest.mark.parametrize("method", ["GET", "PATCH", "DELETE"])
def test_a_missing_run_is_404_and_named(writer, method):
    response = writer.open("/recipe_runs/99", method=method, json={})
    assert (response.status_code, response.json["detail"]) == (404, "recipe run 99 not found")


@pytest.mark.parametrize("name", FULL)
def test_update_sets_each_field_alone(app, writer, name):
    run = make_run(app, status="completed", conclusion="cancelled", completed_at=STARTED_AT)
    (before,) = writer.get("/recipe_runs/").json
    response = writer.patch(f"/recipe_runs/{run.id}", json={name: FULL[name]})
    assert (response.status_code, response.json) == (200, before | {name: FULL[name], "updated_at": ANY})
    assert writer.get("/recipe_runs/").json == [response.json]


def test_update_moves_a_run_to_another_bakery(app, writer):
    run, bakery = make_run(app), make_bakery(app)
    assert writer.patch(f"/recipe_runs/{run.id}", json={"bakery_id": bakery.id}).json["bakery_id"] == bakery.id
    assert writer.get(f"/recipe_runs/{run.id}").json["bakery"]["id"] == bakery.id
    assert writer.get(f"/bakeries/{run.bakery_id}").json["recipe_runs"] == []


def test_update_with_an_empty_body_is_200_and_changes_nothing(app, writer):
    run = make_run(app, message="m")
    (before,) = writer.get("/recipe_runs/").json
    response = writer.patch(f"/recipe_runs/{run.id}", json={})
    assert (response.status_code, response.json) == (200, before)


def test_update_writes_only_the_columns_that_were_sent(app, admin):
    run = make_run(app)
    with statements() as sent:
        admin.patch(f"/recipe_runs/{run.id}", json={"version": "2", "message": None, "head_sha": run.head_sha})
    (update,) = [statement.text for statement in sent if statement.text.startswith("UPDATE")]
    assert re.findall(r"(\w+)=", update.partition(" WHERE ")[0]) == ["version", "updated_at"]


@pytest.mark.parametrize("name", ["dataset_type", "dataset_public_url", "message", "rerun_of"])
def test_null_clears_nullable_fields(app, writer, name):
    run = make_run(app, dataset_type="zarr", rerun_of=make_run(app).id, **TEXTS)
    response = writer.patch(f"/recipe_runs/{run.id}", json={name: None})
    assert (response.status_code, response.json[name]) == (200, None)


def test_update_keeps_the_order_of_the_list(app, writer):
    runs = [make_run(app) for _ in range(3)]
    writer.patch(f"/recipe_runs/{runs[0].id}", json={"message": "changed"})
    assert [run["id"] for run in writer.get("/recipe_runs/").json] == [run.id for run in runs]


def test_delete_answers_ok_and_then_404(app, writer):
    run = make_run(app)
    response = writer.delete(f"/recipe_runs/{run.id}")
    assert (response.status_code, response.get_data()) == (200, b'{"ok":true}')
    assert writer.delete(f"/recipe_runs/{run.id}").status_code == 404
    assert writer.get(f"/bakeries/{run.bakery_id}").status_code == 200


def test_delete_ignores_a_body(app, writer):
    run = make_run(app)
    response = writer.delete(f"/recipe_runs/{run.id}", data=b"{", content_type="text/plain")
    assert response.status_code == 200


def test_the_id_of_the_last_record_is_not_reused(app, writer):
    run = make_run(app)
    writer.delete(f"/recipe_runs/{run.id}")
    assert writer.post("/recipe_runs/", json=run_body(app)).json["id"] == run.id + 1
