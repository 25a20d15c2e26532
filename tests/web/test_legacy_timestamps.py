"""LEGACY_TIMESTAMPS=1: the original's time fields come without `Z`, as the original sent them."""

import re
from datetime import UTC, datetime

import pytest

from tests.support.apps import ADMIN_KEY, client_with
from tests.support.factories import make_run, run_body

BEGIN, END = "2022-03-03T02:29:54", "2022-03-03T03:11:20.055180"
FINISHED = {"started_at": f"{BEGIN}Z", "completed_at": f"{END}Z", "conclusion": "success", "status": "completed"}
PUBLISHED = FINISHED | {"dataset_type": "zarr", "dataset_public_url": "https://data.org/a.zarr"}


@pytest.fixture
def legacy(app_with):
    return app_with(LEGACY_TIMESTAMPS="1")


@pytest.fixture
def admin(legacy):
    return client_with(legacy, ADMIN_KEY)


def post_run(admin, app, **more):
    response = admin.post("/recipe_runs/", json=run_body(app, **PUBLISHED), **more)
    assert response.status_code == 201
    return response


def times(run):
    return run["started_at"], run["completed_at"]


def test_a_run_has_the_times_of_the_original_wherever_it_is(legacy, admin):
    run = post_run(admin, legacy).json
    number = run["id"]
    assert times(run) == (BEGIN, END)
    assert times(admin.get(f"/recipe_runs/{number}").json) == (BEGIN, END)
    assert times(admin.patch(f"/recipe_runs/{number}", json={"version": "2"}).json) == (BEGIN, END)
    assert times(admin.get("/recipe_runs/").json[0]) == (BEGIN, END)
    assert times(admin.get("/recipe_runs/?fields=completed_at,started_at").json[0]) == (BEGIN, END)
    for parent in (f"bakeries/{run['bakery_id']}", f"feedstocks/{run['feedstock_id']}"):
        assert times(admin.get(f"/{parent}").json["recipe_runs"][0]) == (BEGIN, END)
        assert times(admin.get(f"/{parent}/recipe_runs").json[0]) == (BEGIN, END)
    assert times(admin.get(f"/datasets/{number}").json["builds"][0]) == (BEGIN, END)


def test_runs_that_are_created_together_have_the_times_of_the_original(legacy, admin):
    runs = [run_body(legacy, **FINISHED), run_body(legacy, started_at="2022-03-03T03:29:54.5+01:00")]
    created = admin.post("/recipe_runs/bulk", json={"recipe_runs": runs}).json["recipe_runs"]
    assert [times(run) for run in created] == [(BEGIN, END), (f"{BEGIN}.500000", None)]


def test_the_creation_of_a_key_has_the_form_of_the_original_and_its_expiry_has_not(legacy, admin):
    expiry = {"expires_at": "2999-01-01T00:00:00Z"}
    key = admin.post("/api-keys", json=expiry).json
    path = f"/api-keys/{key['id']}"
    shown = [key, admin.get(path).json, admin.get("/api-keys").json[0], admin.patch(path, json={"label": "a"}).json]
    assert {item["created_at"] for item in shown} == {key["created_at"]}
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{6})?", key["created_at"])
    assert {item["expires_at"] for item in shown} == {expiry["expires_at"]}


def test_a_rotated_key_has_the_time_of_its_creation_in_the_form_of_the_original(legacy, admin):
    key = admin.post("/api-keys", json={}).json
    assert not admin.post(f"/api-keys/{key['id']}/rotate", json={}).json["created_at"].endswith("Z")


def test_times_that_the_original_did_not_have_keep_their_zone(legacy, admin):
    run = post_run(admin, legacy).json
    changed = admin.patch(f"/recipe_runs/{run['id']}", json={"version": "2"}).json
    (event, *_) = admin.get(f"/recipe_runs/{run['id']}/events").json
    dataset = admin.get("/datasets/").json[0]
    ours = [run["created_at"], changed["updated_at"], event["at"], dataset["first_build"], dataset["last_build"]]
    assert all(time.endswith("Z") for time in ours)
    assert dataset["first_build"] == f"{BEGIN}Z"


def test_documents_for_other_programs_keep_the_zone_that_their_formats_require(legacy, admin):
    run = post_run(admin, legacy).json
    collection = admin.get(f"/stac/collections/{run['id']}").json
    assert (collection["created"], collection["updated"]) == (f"{BEGIN}Z", f"{BEGIN}Z")
    assert f"<updated>{END}Z</updated>" in admin.get(f"/feedstocks/{run['feedstock_id']}/feed.atom").text
    assert f'"last_build":"{BEGIN}Z"' in admin.get("/catalog.yaml").text
    assert f'datetime="{BEGIN}Z"' in admin.get(f"/dashboard/recipe_runs/{run['id']}").text


@pytest.mark.parametrize("path", ["/recipe_runs/{}", "/recipe_runs/", "/api-keys"])
def test_the_etag_is_that_of_the_bytes_that_are_sent(app, legacy, admin, path):
    path = path.format(post_run(admin, legacy).json["id"])
    admin.post("/api-keys", json={})
    answer = admin.get(path)
    assert admin.get(path, headers={"If-None-Match": answer.headers["ETag"]}).status_code == 304
    usual = client_with(app, ADMIN_KEY).get(path)
    assert usual.data != answer.data
    assert usual.headers["ETag"] != answer.headers["ETag"]


def test_a_write_that_requires_the_etag_of_a_get_succeeds(legacy, admin):
    path = f"/recipe_runs/{post_run(admin, legacy).json['id']}"
    tag = {"If-Match": admin.get(path).headers["ETag"]}
    assert admin.patch(path, json={"version": "2"}, headers=tag).status_code == 200
    assert admin.patch(path, json={"version": "3"}, headers=tag).status_code == 412


def test_a_repeated_post_gets_the_same_bytes(legacy, admin):
    body, key = run_body(legacy, **FINISHED), {"Idempotency-Key": "a"}
    first, again = (admin.post("/recipe_runs/", json=body, headers=key) for _ in range(2))
    assert (again.data, again.headers["Idempotency-Replayed"]) == (first.data, "true")
    assert times(again.json) == (BEGIN, END)


def test_lists_are_ordered_and_filtered_by_times_as_they_are_sent(legacy, admin):
    for second in (1, 0, 2):
        make_run(legacy, started_at=datetime(2022, 3, 3, 2, 29, second, tzinfo=UTC))
    found = admin.get("/recipe_runs/?order_by=started_at&started_after=2022-03-03T02:29:01&limit=1")
    after = admin.get("/recipe_runs/?started_at=2022-03-03T02:29:02")
    assert [run["started_at"] for run in found.json + after.json] == ["2022-03-03T02:29:01", "2022-03-03T02:29:02"]


def test_the_time_zone_is_sent_by_default(app, client):
    run = make_run(app)
    assert client.get(f"/recipe_runs/{run.id}").json["started_at"].endswith("Z")
