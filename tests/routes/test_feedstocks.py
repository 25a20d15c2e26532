import pytest

from tests.support.factories import make_feedstock, make_run

FIELDS = {"provider": "github", "retired_at": None}
PUBLISHED = {"status": "completed", "conclusion": "success", "dataset_public_url": "https://data.org/a.zarr"}


def test_create_answers_201_with_the_new_feedstock_and_its_location(writer):
    response = writer.post("/feedstocks/", json={"spec": "pangeo-forge/a-feedstock"})
    assert response.status_code == 201
    assert list(response.json) == ["spec", "provider", "id", "retired_at"]
    assert response.json == FIELDS | {"spec": "pangeo-forge/a-feedstock", "id": response.json["id"]}
    assert response.headers["Location"] == f"/feedstocks/{response.json['id']}"
    assert writer.get(response.headers["Location"]).json == response.json | {"recipe_runs": []}


@pytest.mark.parametrize("again", [{"spec": "a/b"}, {"spec": "a/b", "provider": "github"}])
def test_create_again_is_200_with_the_existing_feedstock(writer, again):
    first = writer.post("/feedstocks/", json={"spec": "a/b"})
    response = writer.post("/feedstocks/", json=again)
    assert (response.status_code, response.json) == (200, first.json)
    assert writer.get("/feedstocks/").json == [first.json]


def test_create_with_an_empty_body_names_the_missing_spec(writer):
    response = writer.post("/feedstocks/", json={})
    assert response.status_code == 422
    assert response.json["errors"] == [
        {"in": "body", "pointer": "/spec", "detail": "spec: Missing data for required field."}
    ]


def test_list_is_flat_and_ordered_by_id(app, client):
    feedstocks = [make_feedstock(app, spec=spec) for spec in ("c/c", "a/a", "b/b")]
    make_run(app, feedstock_id=feedstocks[0].id)
    expected = [FIELDS | {"spec": feedstock.spec, "id": feedstock.id} for feedstock in feedstocks]
    assert client.get("/feedstocks/").json == expected


def test_get_adds_the_flat_runs_ordered_by_id(app, client):
    feedstock = make_feedstock(app, spec="a/b")
    runs = [make_run(app, feedstock_id=feedstock.id, version=version) for version in ("3", "1", "2")]
    make_run(app)
    body = client.get(f"/feedstocks/{feedstock.id}").json
    assert list(body) == ["spec", "provider", "id", "retired_at", "recipe_runs"]
    by_id = {run["id"]: run for run in client.get("/recipe_runs/").json}
    assert body["recipe_runs"] == [by_id[run.id] for run in runs]


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/feedstocks/99"),
        ("PATCH", "/feedstocks/99"),
        ("DELETE", "/feedstocks/99"),
        ("GET", "/feedstocks/99/datasets"),
    ],
)
def test_a_missing_feedstock_is_404_and_named(writer, method, path):
    response = writer.open(path, method=method, json={})
    assert (response.status_code, response.json["detail"]) == (404, "feedstock 99 not found")


@pytest.mark.parametrize("values", [{"spec": "c/d"}, {"provider": "github"}, {"spec": "a/b"}, {}])
def test_update_sets_the_fields_of_the_body_and_answers_flat(app, writer, values):
    feedstock = make_feedstock(app, spec="a/b")
    expected = FIELDS | {"spec": "a/b"} | values | {"id": feedstock.id}
    response = writer.patch(f"/feedstocks/{feedstock.id}", json=values)
    assert (response.status_code, response.json) == (200, expected)
    assert writer.get("/feedstocks/").json == [expected]


def test_update_to_a_taken_spec_is_409_and_changes_nothing(app, writer):
    taken, feedstock = make_feedstock(app, spec="a/taken"), make_feedstock(app, spec="a/free")
    response = writer.patch(f"/feedstocks/{feedstock.id}", json={"spec": "a/taken"})
    assert response.status_code == 409
    assert response.json["detail"] == f"feedstock {taken.id} already has provider 'github' and spec 'a/taken'."
    assert writer.get(f"/feedstocks/{feedstock.id}").json["spec"] == "a/free"


def test_delete_answers_ok_and_then_404(app, writer):
    feedstock = make_feedstock(app)
    response = writer.delete(f"/feedstocks/{feedstock.id}")
    assert (response.status_code, response.get_data()) == (200, b'{"ok":true}')
    assert writer.delete(f"/feedstocks/{feedstock.id}").status_code == 404


def test_the_id_of_the_last_record_is_not_reused(app, writer):
    feedstock = make_feedstock(app)
    writer.delete(f"/feedstocks/{feedstock.id}")
    assert writer.post("/feedstocks/", json={"spec": "a/b"}).json["id"] == feedstock.id + 1


def test_delete_with_runs_is_409_and_counts_them(app, writer):
    feedstock = make_feedstock(app)
    for _ in range(3):
        make_run(app, feedstock_id=feedstock.id)
    response = writer.delete(f"/feedstocks/{feedstock.id}")
    assert response.status_code == 409
    assert response.json["detail"] == f"feedstock {feedstock.id} has 3 recipe runs; delete those first."
    assert len(writer.get(f"/feedstocks/{feedstock.id}").json["recipe_runs"]) == 3


def test_datasets_have_exactly_these_fields(app, client):
    run = make_run(app, recipe_id="r", dataset_type="zarr", is_test=True, **PUBLISHED)
    response = client.get(f"/feedstocks/{run.feedstock_id}/datasets")
    assert (
        response.get_data()
        == (
            f'[{{"id":{run.id},"recipe_id":"r","feedstock_id":{run.feedstock_id},"dataset_type":"zarr",'
            f'"dataset_public_url":"https://data.org/a.zarr","is_test":true}}]'
        ).encode()
    )


@pytest.mark.parametrize(
    ("query", "expected"),
    [("", [0, 1, 2]), ("?type=all", [0, 1, 2]), ("?type=production", [0, 2]), ("?type=test", [1])],
)
def test_datasets_can_be_filtered_by_production_or_test(app, client, query, expected):
    feedstock = make_feedstock(app)
    runs = [make_run(app, feedstock_id=feedstock.id, is_test=test, **PUBLISHED) for test in (False, True, False)]
    datasets = client.get(f"/feedstocks/{feedstock.id}/datasets{query}").json
    assert [dataset["id"] for dataset in datasets] == [runs[index].id for index in expected]


@pytest.mark.parametrize(
    "unlike",
    [
        {"status": "in_progress"},
        {"status": "queued"},
        {"conclusion": "failure"},
        {"conclusion": None},
        {"dataset_public_url": None},
    ],
)
def test_runs_without_a_published_dataset_are_not_listed(app, client, unlike):
    run = make_run(app, **PUBLISHED | unlike)
    make_run(app, **PUBLISHED)
    assert client.get(f"/feedstocks/{run.feedstock_id}/datasets").get_data() == b"[]"


@pytest.mark.parametrize("value", ["", "ALL", "both", "null", "all,tests", "%00"])
def test_an_unknown_type_of_datasets_is_422(app, client, value):
    response = client.get(f"/feedstocks/{make_feedstock(app).id}/datasets?type={value}")
    assert response.status_code == 422
    assert response.json["errors"] == [
        {"in": "query", "pointer": "/type", "detail": "type: Must be one of: all, production, test."}
    ]
