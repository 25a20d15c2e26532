import pytest

from tests.support.factories import RUN_FIELDS, make_bakery, make_run

BODY = {"region": "us-central1", "name": "ldeo", "description": "Océans ☂"}
UNSET = {"retired_at": None, "log_url": None}


def test_create_answers_201_with_the_new_bakery_and_its_location(writer):
    response = writer.post("/bakeries/", json=BODY)
    assert response.status_code == 201
    assert list(response.json) == ["region", "name", "description", "id", "retired_at", "log_url"]
    assert response.json == BODY | {"id": response.json["id"]} | UNSET
    assert response.headers["Location"] == f"/bakeries/{response.json['id']}"
    assert writer.get(response.headers["Location"]).json == response.json | {"recipe_runs": []}


def test_create_without_the_slash_gives_the_same_location(writer):
    response = writer.post("/bakeries", json=BODY)
    assert (response.status_code, response.headers["Location"]) == (201, f"/bakeries/{response.json['id']}")


def test_create_again_with_the_same_content_is_200_and_adds_nothing(writer):
    first = writer.post("/bakeries/", json=BODY)
    again = writer.post("/bakeries/", json=BODY)
    assert (again.status_code, again.json) == (200, first.json)
    assert "Location" not in again.headers
    assert writer.get("/stats/bakeries").json == {"count": 1}


@pytest.mark.parametrize("other", [{"region": "us-west-2"}, {"description": ""}, {"description": "océans ☂"}])
def test_create_with_a_taken_name_is_409(writer, other):
    taken = writer.post("/bakeries/", json=BODY).json
    response = writer.post("/bakeries/", json=BODY | other)
    assert response.status_code == 409
    assert response.json["detail"] == f"bakery {taken['id']} already has name 'ldeo'."
    assert writer.get("/bakeries/").json == [taken]


def test_names_that_differ_in_case_are_two_bakeries(writer):
    writer.post("/bakeries/", json=BODY)
    assert writer.post("/bakeries/", json=BODY | {"name": "LDEO"}).status_code == 201


def test_create_with_an_empty_body_names_every_required_field_in_order(writer):
    response = writer.post("/bakeries/", json={})
    assert response.status_code == 422
    assert response.json["errors"] == [
        {"in": "body", "pointer": "/region", "detail": "region: Missing data for required field."},
        {"in": "body", "pointer": "/name", "detail": "name: Missing data for required field."},
        {"in": "body", "pointer": "/description", "detail": "description: Missing data for required field."},
    ]


def test_text_is_returned_unescaped_in_compact_json(writer):
    bakery = writer.post("/bakeries/", json=BODY).json
    body = f'"name":"ldeo","description":"Océans ☂","id":{bakery["id"]},"retired_at":null,"log_url":null'
    assert writer.get("/bakeries/").get_data().decode() == f'[{{"region":"us-central1",{body}}}]'


def test_list_is_flat_and_ordered_by_id(app, client):
    bakeries = [make_bakery(app, name=name) for name in ("c", "a", "b")]
    make_run(app, bakery_id=bakeries[0].id)
    assert client.get("/bakeries/").json == [
        {"region": "us-central1", "name": bakery.name, "description": "A bakery.", "id": bakery.id, **UNSET}
        for bakery in bakeries
    ]


def test_list_without_records_is_an_empty_array(client):
    assert client.get("/bakeries/").get_data() == b"[]"


def test_get_adds_the_flat_runs_ordered_by_id(app, client):
    bakery = make_bakery(app)
    runs = [make_run(app, bakery_id=bakery.id, version=version) for version in ("3", "1", "2")]
    make_run(app)
    body = client.get(f"/bakeries/{bakery.id}").json
    assert list(body) == ["region", "name", "description", "id", "retired_at", "log_url", "recipe_runs"]
    assert [run["id"] for run in body["recipe_runs"]] == [run.id for run in runs]
    assert [list(run) for run in body["recipe_runs"]] == [RUN_FIELDS] * 3


@pytest.mark.parametrize("method", ["GET", "PATCH", "DELETE"])
def test_a_missing_bakery_is_404_and_named(writer, method):
    response = writer.open("/bakeries/99", method=method, json={})
    assert (response.status_code, response.json["detail"]) == (404, "bakery 99 not found")


@pytest.mark.parametrize("values", [{"region": "eu"}, {"name": "new"}, {"description": ""}, BODY, {}])
def test_update_sets_the_fields_of_the_body_and_answers_flat(app, writer, values):
    bakery = make_bakery(app, region="us", name="old", description="Old.")
    expected = {"region": "us", "name": "old", "description": "Old."} | values
    expected |= {"id": bakery.id} | UNSET
    response = writer.patch(f"/bakeries/{bakery.id}", json=values)
    assert (response.status_code, response.json) == (200, expected)
    assert writer.get("/bakeries/").json == [expected]


def test_update_to_a_taken_name_is_409_and_changes_nothing(app, writer):
    taken, bakery = make_bakery(app, name="taken"), make_bakery(app, name="free", region="us")
    response = writer.patch(f"/bakeries/{bakery.id}", json={"name": "taken", "region": "eu"})
    assert response.status_code == 409
    assert response.json["detail"] == f"bakery {taken.id} already has name 'taken'."
    assert writer.get(f"/bakeries/{bakery.id}").json["region"] == "us"


def test_update_to_its_own_name_is_200(app, writer):
    bakery = make_bakery(app, name="mine")
    assert writer.patch(f"/bakeries/{bakery.id}", json={"name": "mine"}).status_code == 200


def test_delete_answers_ok_and_then_404(app, writer):
    bakery = make_bakery(app)
    response = writer.delete(f"/bakeries/{bakery.id}")
    assert (response.status_code, response.get_data()) == (200, b'{"ok":true}')
    assert writer.delete(f"/bakeries/{bakery.id}").status_code == 404
    assert writer.get("/bakeries/").json == []


def test_the_id_of_the_last_record_is_not_reused(app, writer):
    bakery = make_bakery(app)
    writer.delete(f"/bakeries/{bakery.id}")
    assert writer.post("/bakeries/", json=BODY).json["id"] == bakery.id + 1


@pytest.mark.parametrize(("runs", "counted"), [(1, "1 recipe run"), (2, "2 recipe runs")])
def test_delete_with_runs_is_409_and_counts_them(app, writer, runs, counted):
    bakery = make_bakery(app)
    for _ in range(runs):
        make_run(app, bakery_id=bakery.id)
    response = writer.delete(f"/bakeries/{bakery.id}")
    assert response.status_code == 409
    assert response.json["detail"] == f"bakery {bakery.id} has {counted}; delete those first."
    assert len(writer.get(f"/bakeries/{bakery.id}").json["recipe_runs"]) == runs


def test_delete_works_after_the_runs_are_deleted(app, writer):
    run = make_run(app)
    writer.delete(f"/recipe_runs/{run.id}")
    assert writer.delete(f"/bakeries/{run.bakery_id}").status_code == 200
