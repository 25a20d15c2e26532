"""`external_id`, by which a runner knows its run, is unique in a bakery; `external_url` is a page about the run."""

import pytest

from tests.support.factories import make_bakery, make_feedstock, make_run, run_body


@pytest.fixture
def body(app):
    """A body that creates a run with an id of its runner."""
    return run_body(app, external_id="job-1")


def refusal(response):
    return response.status_code, response.json["detail"]


def taken(run):
    return f"recipe run {run['id']} already has external_id 'job-1' and bakery_id {run['bakery_id']}."


def test_a_run_has_the_id_and_the_page_of_its_runner(writer, body):
    page = "https://ci.example.org/jobs/1"
    run = writer.post("/recipe_runs/", json=body | {"external_url": page}).json
    assert (run["external_id"], run["external_url"]) == ("job-1", page)
    assert writer.patch(f"/recipe_runs/{run['id']}", json={"external_url": None}).json["external_url"] is None


def test_a_second_run_with_the_same_id_is_409_with_the_first_one(writer, body):
    first = writer.post("/recipe_runs/", json=body).json
    assert refusal(writer.post("/recipe_runs/", json=body)) == (409, taken(first))
    assert writer.get("/stats/recipe_runs").json == {"count": 1}


def test_another_bakery_may_use_the_same_id(app, writer, body):
    other = body | {"bakery_id": make_bakery(app).id}
    assert [writer.post("/recipe_runs/", json=each).status_code for each in (body, other)] == [201, 201]


def test_runs_without_an_id_are_not_unique(app, writer):
    body = run_body(app, external_id=None)
    assert [writer.post("/recipe_runs/", json=body).status_code for _ in range(2)] == [201, 201]


def test_a_change_to_the_id_of_another_run_is_409(app, writer, body):
    first = writer.post("/recipe_runs/", json=body).json
    run = make_run(app, bakery_id=body["bakery_id"])
    response = writer.patch(f"/recipe_runs/{run.id}", json={"external_id": "job-1", "version": "2"})
    assert refusal(response) == (409, taken(first))
    assert writer.get(f"/recipe_runs/{run.id}").json["version"] == run.version


def test_a_move_to_a_bakery_where_the_id_exists_is_409(app, writer, body):
    first = writer.post("/recipe_runs/", json=body).json
    run = make_run(app, external_id="job-1")
    response = writer.patch(f"/recipe_runs/{run.id}", json={"bakery_id": first["bakery_id"]})
    assert refusal(response) == (409, taken(first))


def test_a_bulk_with_an_id_of_another_run_creates_nothing(writer, body):
    last, first = (writer.post("/recipe_runs/", json=body | {"external_id": name}).json for name in ("job-3", "job-1"))
    runs = [body | {"external_id": name} for name in ("job-2", "job-1", last["external_id"])]
    response = writer.post("/recipe_runs/bulk", json={"recipe_runs": runs})
    assert refusal(response) == (409, f"recipe_runs/1: {taken(first)}")
    assert writer.get("/stats/recipe_runs").json == {"count": 2}


def test_a_bulk_with_the_same_id_twice_is_409(writer, body):
    response = writer.post("/recipe_runs/bulk", json={"recipe_runs": [body | {"external_id": "job-2"}, body, body]})
    assert refusal(response) == (409, "recipe_runs/1 and recipe_runs/2 have the same external_id and bakery_id.")


def test_a_bulk_may_have_runs_with_and_without_optional_fields(app, writer):
    plain = run_body(app)
    full = plain | {"external_id": "job-1", "external_url": "https://a.org/1", "snapshot_id": "S"}
    response = writer.post("/recipe_runs/bulk", json={"recipe_runs": [plain, full, plain]})
    assert [run["external_id"] for run in response.json["recipe_runs"]] == [None, "job-1", None]
    assert [run["snapshot_id"] for run in response.json["recipe_runs"]] == [None, "S", None]


def test_the_lists_of_runs_filter_by_the_id(app, client):
    feedstock = make_feedstock(app)
    runs = [make_run(app, external_id=name, feedstock_id=feedstock.id) for name in ("a", "b", "A")]
    for path in ("/recipe_runs/", f"/feedstocks/{feedstock.id}/recipe_runs"):
        assert [run["id"] for run in client.get(f"{path}?external_id=a,b").json] == [runs[0].id, runs[1].id]


@pytest.mark.parametrize("name", ["order_by=external_id", "order_by=external_url", "external_url=https://a.org/"])
def test_no_list_is_ordered_by_them(client, name):
    assert client.get(f"/recipe_runs/?{name}").status_code == 422


@pytest.mark.parametrize(
    "url",
    ["job 1", "javascript:alert(1)", "//a.org/1", "ftp://a.org/1", "https://user:pass@a.org/1", "https://a.org/ 1"],
)
def test_a_page_must_be_a_web_address_without_a_password(writer, body, url):
    response = writer.post("/recipe_runs/", json=body | {"external_url": url})
    assert [error["pointer"] for error in response.json["errors"]] == ["/external_url"]


@pytest.mark.parametrize("name", ["", "x" * 256, 5])
def test_an_id_has_1_to_255_characters(writer, body, name):
    assert writer.post("/recipe_runs/", json=body | {"external_id": name}).status_code == 422
