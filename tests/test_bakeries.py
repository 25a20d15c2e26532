from tests.factories import make_bakery, make_run

BODY = {"region": "us-central1", "name": "ldeo", "description": "Océans ☂"}


def test_create_answers_201_with_the_new_bakery_and_its_place(writer):
    response = writer.post("/bakeries/", json=BODY)
    assert response.status_code == 201
    assert list(response.json) == ["region", "name", "description", "id"]
    assert response.json == BODY | {"id": response.json["id"]}
    assert response.headers["Location"] == f"/bakeries/{response.json['id']}"
    assert writer.get(response.headers["Location"]).json == response.json | {"recipe_runs": []}


def test_create_again_with_the_same_content_is_200_and_adds_nothing(writer):
    first = writer.post("/bakeries/", json=BODY)
    again = writer.post("/bakeries/", json=BODY)
    assert (again.status_code, again.json) == (200, first.json)
    assert writer.get("/stats/bakeries").json == {"count": 1}


def test_create_with_a_taken_name_is_409(writer):
    taken = writer.post("/bakeries/", json=BODY).json["id"]
    response = writer.post("/bakeries/", json=BODY | {"region": "us-west-2"})
    assert response.status_code == 409
    assert response.json["detail"] == f"bakery {taken} already has name 'ldeo'."


def test_delete_with_runs_is_409_with_their_count_and_deletes_nothing(app, writer):
    bakery = make_bakery(app)
    make_run(app, bakery_id=bakery.id)
    make_run(app, bakery_id=bakery.id)
    response = writer.delete(f"/bakeries/{bakery.id}")
    assert response.status_code == 409
    assert response.json["detail"] == f"bakery {bakery.id} has 2 recipe runs; delete those first."
    assert len(writer.get(f"/bakeries/{bakery.id}").json["recipe_runs"]) == 2
