"""Bakeries and feedstocks are retired: lists hide them, they get no new runs, and everything else stays."""

import pytest

from tests.support.factories import MAKE, make_bakery, make_feedstock, make_run, run_body

SINCE = "2026-03-08T12:00:00Z"
NOUNS = {"bakeries": "bakery", "feedstocks": "feedstock"}


@pytest.fixture(params=NOUNS)
def resource(request):
    return request.param


@pytest.fixture
def retired(app, writer, resource):
    """The id of a retired record of the resource."""
    record = MAKE[resource](app)
    response = writer.patch(f"/{resource}/{record.id}", json={"retired_at": SINCE})
    assert (response.status_code, response.json["retired_at"]) == (200, SINCE)
    return record.id


def ids(client, path):
    response = client.get(path)
    assert response.status_code == 200
    return [record["id"] for record in response.json]


def refused(response, resource, number):
    sentence = f"{NOUNS[resource]} {number} is retired since {SINCE} and gets no new runs. To use it again, set its "
    assert (response.status_code, response.json["detail"]) == (409, f"{sentence}retired_at to null.")


def test_lists_hide_what_is_retired_unless_asked(app, client, resource, retired):
    other = MAKE[resource](app).id
    assert ids(client, f"/{resource}/") == ids(client, f"/{resource}/?include_retired=false") == [other]
    assert ids(client, f"/{resource}/?include_retired=true") == [retired, other]
    assert client.get(f"/{resource}/?count=true&limit=0").headers["X-Total-Count"] == "1"
    assert client.get(f"/{resource}/?count=true&limit=0&include_retired=1").headers["X-Total-Count"] == "2"


def test_the_field_is_null_and_after_the_fields_of_the_original(app, client, resource):
    record = client.get(f"/{resource}/{MAKE[resource](app).id}").json
    assert list(record)[list(record).index("id") + 1] == "retired_at"
    assert record["retired_at"] is None


def test_a_retired_record_gets_no_new_runs(app, writer, resource, retired):
    body = run_body(app, **{f"{NOUNS[resource]}_id": retired})
    refused(writer.post("/recipe_runs/", json=body), resource, retired)
    refused(writer.post("/recipe_runs/bulk", json={"recipe_runs": [run_body(app), body]}), resource, retired)
    assert writer.get("/stats/recipe_runs").json == {"count": 0}


def test_a_run_of_a_retired_record_is_not_repeated(app, writer, resource):
    run = make_run(app)
    parents = {name: getattr(run, name) for name in ("bakery_id", "feedstock_id")}
    number = parents[f"{NOUNS[resource]}_id"]
    writer.patch(f"/{resource}/{number}", json={"retired_at": SINCE})
    refused(writer.post("/recipe_runs/", json=run_body(app, **parents, rerun_of=run.id)), resource, number)


def test_no_run_is_moved_to_a_retired_record(app, writer, resource, retired):
    run, name = make_run(app), f"{NOUNS[resource]}_id"
    refused(writer.patch(f"/recipe_runs/{run.id}", json={name: retired, "version": "2"}), resource, retired)
    after = writer.get(f"/recipe_runs/{run.id}").json
    assert (after[name], after["version"]) == (getattr(run, name), run.version)


@pytest.mark.parametrize("moved", NOUNS)
def test_a_run_of_a_retired_record_can_be_changed_and_moved(app, writer, resource, retired, moved):
    name, path = f"{NOUNS[resource]}_id", f"/recipe_runs/{make_run(app, **{f'{NOUNS[resource]}_id': retired}).id}"
    assert writer.patch(path, json={name: retired, "version": "2"}).json["version"] == "2"
    parent = {f"{NOUNS[moved]}_id": MAKE[moved](app).id}
    assert writer.patch(path, json=parent).json.items() >= parent.items()


def test_the_runs_of_a_retired_record_stay_and_can_end(app, writer, resource):
    run = make_run(app)
    number = getattr(run, f"{NOUNS[resource]}_id")
    writer.patch(f"/{resource}/{number}", json={"retired_at": SINCE})
    assert [found["id"] for found in writer.get(f"/{resource}/{number}").json["recipe_runs"]] == [run.id]
    assert ids(writer, f"/{resource}/{number}/recipe_runs") == ids(writer, "/recipe_runs/") == [run.id]
    assert writer.patch(f"/recipe_runs/{run.id}", json={"conclusion": "success"}).status_code == 200
    assert writer.get(f"/recipe_runs/{run.id}").json[NOUNS[resource]]["retired_at"] == SINCE
    assert writer.get(f"/stats/{resource}").json == {"count": 1}


def test_the_datasets_and_feeds_of_a_retired_feedstock_stay(app, writer):
    published = {"status": "completed", "conclusion": "success", "dataset_public_url": "https://a.org/b.zarr"}
    run = make_run(app, **published)
    writer.patch(f"/feedstocks/{run.feedstock_id}", json={"retired_at": SINCE})
    assert ids(writer, "/datasets/") == ids(writer, f"/feedstocks/{run.feedstock_id}/datasets") == [run.id]
    assert writer.get(f"/feedstocks/{run.feedstock_id}/badge.svg").status_code == 200
    assert b"<entry>" in writer.get(f"/feedstocks/{run.feedstock_id}/feed.atom").data


def test_null_ends_the_retirement(app, writer, resource, retired):
    assert writer.patch(f"/{resource}/{retired}", json={"retired_at": None}).json["retired_at"] is None
    assert ids(writer, f"/{resource}/") == [retired]
    body = run_body(app, **{f"{NOUNS[resource]}_id": retired})
    assert writer.post("/recipe_runs/", json=body).status_code == 201


def test_a_creation_of_a_retired_record_is_that_record(writer):
    for path, body in (
        ("/feedstocks/", {"spec": "a/b"}),
        ("/bakeries/", {"region": "r", "name": "n", "description": ""}),
    ):
        number = writer.post(path, json=body).json["id"]
        retired = writer.patch(f"{path}{number}", json={"retired_at": SINCE}).json
        again = writer.post(path, json=body)
        assert (again.status_code, again.json) == (200, retired)


def test_a_record_is_not_created_retired(app, writer, resource):
    body = {"spec": "a/b"} if resource == "feedstocks" else {"region": "r", "name": "n", "description": ""}
    response = writer.post(f"/{resource}/", json=body | {"retired_at": SINCE})
    assert (response.status_code, response.json["detail"]) == (
        422,
        "retired_at: Unknown field. /docs lists the fields.",
    )


def test_the_dashboard_says_what_is_retired(app, client, resource, retired):
    other = MAKE[resource](app).id
    page = client.get(f"/dashboard/{resource}").text
    assert f'href="/dashboard/{resource}/{retired}"' not in page
    assert f'href="/dashboard/{resource}?include_retired=true">Show retired {resource}' in page
    page = client.get(f"/dashboard/{resource}?include_retired=true").text
    assert (page.count('<span class="tag">retired</span>'), f"Hide retired {resource}" in page) == (1, True)
    page = client.get(f"/dashboard/{resource}/{retired}").text
    assert f"8 Mar 2026, 12:00 UTC</time>. This {NOUNS[resource]} gets no new runs." in page
    assert "retired" not in client.get(f"/dashboard/{resource}/{other}").text


def test_a_missing_parent_is_422_even_if_the_other_is_retired_later(app, writer):
    bakery, feedstock = make_bakery(app).id, make_feedstock(app).id
    response = writer.post("/recipe_runs/", json=run_body(app, bakery_id=bakery + 1, feedstock_id=feedstock))
    assert (response.status_code, response.json["detail"]) == (422, f"bakery {bakery + 1} not found")
