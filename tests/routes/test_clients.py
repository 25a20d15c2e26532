"""The requests of the original's real clients, byte for byte, and the fields of the answers that they use."""

import json
from datetime import UTC, datetime, timedelta
from unittest.mock import ANY

import pytest

from app.models.recipe_runs import CONCLUSIONS, STATUSES
from tests.support.factories import make_bakery, make_feedstock, make_run, run_body

SITE = {"Origin": "https://pangeo-forge.org"}
CARD = {"id", "feedstock_id", "recipe_id", "started_at", "status", "conclusion", "version", "message"}
URL = "https://ncsa.osn.xsede.org/Pangeo/pangeo-forge/gpcp-feedstock/gpcp.zarr"
PUBLISHED = {"status": "completed", "conclusion": "success", "dataset_public_url": URL, "dataset_type": "zarr"}


def read(client, path):
    """The JSON at `path` for a browser on another site."""
    response = client.get(path, headers=SITE)
    assert (response.status_code, response.content_type) == (200, "application/json")
    assert response.headers["Access-Control-Allow-Origin"] in ("*", SITE["Origin"])
    return json.loads(response.get_data())


@pytest.mark.parametrize("path", ["/feedstocks", "/feedstocks/"])
def test_the_site_lists_feedstocks(app, client, path):
    feedstock = make_feedstock(app, spec="pangeo-forge/gpcp-feedstock")
    (listed,) = read(client, path)
    assert (listed["id"], listed["spec"], listed["provider"]) == (feedstock.id, "pangeo-forge/gpcp-feedstock", "github")


@pytest.mark.parametrize("path", ["/bakeries", "/bakeries/"])
def test_the_site_lists_bakeries(app, client, path):
    bakery = make_bakery(app, name="ldeo")
    (listed,) = read(client, path)
    expected = {"id": bakery.id, "name": "ldeo", "region": "us-central1", "description": "A bakery."}
    assert listed == expected | {"retired_at": None, "log_url": None}


@pytest.mark.parametrize("path", ["/recipe_runs", "/recipe_runs/"])
def test_the_texts_by_which_the_site_sorts_runs_are_never_null(app, client, path):
    make_run(app)
    (listed,) = read(client, path)
    assert listed.keys() >= CARD
    assert [type(listed[name]) for name in ("recipe_id", "started_at", "version")] == [str] * 3


def test_the_site_shows_the_first_hundred_runs(app, client):
    parents = {"bakery_id": make_bakery(app).id, "feedstock_id": make_feedstock(app).id}
    runs = [make_run(app, **parents).id for _ in range(101)]
    assert [run["id"] for run in read(client, "/recipe_runs/")] == runs[:100]


@pytest.mark.parametrize("slash", ["", "/"])
@pytest.mark.parametrize("noun", ["feedstocks", "bakeries"])
def test_the_site_reads_an_array_of_runs(app, client, noun, slash):
    run = make_run(app)
    record_id = {"feedstocks": run.feedstock_id, "bakeries": run.bakery_id}[noun]
    (nested,) = read(client, f"/{noun}/{record_id}{slash}")["recipe_runs"]
    assert nested.keys() >= CARD
    make = {"feedstocks": make_feedstock, "bakeries": make_bakery}[noun]
    assert read(client, f"/{noun}/{make(app).id}{slash}")["recipe_runs"] == []


def test_a_run_without_a_dataset_has_null_as_its_url(app, client):
    run = read(client, f"/recipe_runs/{make_run(app).id}")
    assert run["dataset_public_url"] is None
    assert (run["completed_at"], run["conclusion"]) == (None, None)


@pytest.mark.parametrize("slash", ["", "/"])
def test_the_page_of_a_run_has_its_feedstocks_id_nested(app, client, slash):
    run = make_run(app, completed_at=datetime(2022, 3, 3, 3, tzinfo=UTC), **PUBLISHED)
    body = read(client, f"/recipe_runs/{run.id}{slash}")
    assert body["feedstock"]["id"] == run.feedstock_id
    assert body["dataset_public_url"] == URL
    assert body["head_sha"] == run.head_sha


@pytest.mark.parametrize("microsecond", [0, 55_180])
def test_dates_can_be_parsed_by_javascript(app, client, microsecond):
    started_at = datetime(2022, 3, 3, 2, 29, 54, microsecond, tzinfo=UTC)
    make_run(app, started_at=started_at, completed_at=started_at + timedelta(hours=1))
    (run,) = read(client, "/recipe_runs/")
    # The format of Date.parse in ECMAScript. The old cards append a second `Z`, which makes the date invalid.
    for name, time in (("started_at", started_at), ("completed_at", started_at + timedelta(hours=1))):
        assert run[name] == time.strftime("%Y-%m-%dT%H:%M:%S") + (".055180" if microsecond else "") + "Z"
        assert datetime.fromisoformat(run[name]) == time


@pytest.mark.parametrize(
    ("status", "conclusion"),
    [*((status, None) for status in STATUSES), *(("completed", conclusion) for conclusion in CONCLUSIONS)],
)
def test_status_and_conclusion_are_words_that_the_site_knows(app, client, status, conclusion):
    make_run(app, status=status, conclusion=conclusion)
    (run,) = read(client, "/recipe_runs/")
    assert (run["status"], run["conclusion"]) == (status, conclusion)


def test_the_site_lists_the_datasets_of_production_runs(app, client):
    run = make_run(app, **PUBLISHED)
    make_run(app, feedstock_id=run.feedstock_id, is_test=True, **PUBLISHED)
    (dataset,) = read(client, f"/feedstocks/{run.feedstock_id}/datasets?type=production")
    assert (dataset["id"], dataset["dataset_public_url"].split("/")[-1]) == (run.id, "gpcp.zarr")


def test_a_client_builds_a_catalogue_from_feedstocks_and_their_datasets(app, client):
    run = make_run(app, **PUBLISHED)
    datasets = [
        dataset
        for feedstock in read(client, "/feedstocks/")
        if feedstock["provider"] == "github"
        for dataset in read(client, f"/feedstocks/{feedstock['id']}/datasets")
        if dataset["dataset_type"] == "zarr" and not dataset["is_test"]
    ]
    assert [(dataset["id"], dataset["recipe_id"]) for dataset in datasets] == [(run.id, "example")]


@pytest.mark.parametrize(
    "path", ["/stats/feedstocks", "/stats/recipe_runs", "/stats/bakeries", "/stats/datasets?exclude_test_runs=true"]
)
def test_the_site_shows_counts(app, client, path):
    make_run(app, **PUBLISHED)
    assert read(client, path) == {"count": 1}


@pytest.mark.parametrize("path", ["/feedstocks/99", "/recipe_runs/x", "/nope", "/repr/xarray/?url=https://data.org/a"])
def test_the_site_can_read_every_error_as_json(client, path):
    response = client.get(path, headers=SITE)
    assert response.status_code >= 400
    assert response.headers["Access-Control-Allow-Origin"] in ("*", SITE["Origin"])
    assert isinstance(json.loads(response.get_data())["detail"], str)


def test_heroku_compares_the_bytes_of_the_root(client):
    assert client.get("/").get_data() == b'{"status":"ok"}'


@pytest.mark.parametrize("header", ["x-api-key", "X-API-Key", "X-Api-Key"])
def test_the_client_of_the_original_writes_and_updates(app, admin, header):
    client, key = app.test_client(), {header: admin.post("/api-keys", json={}).json["key"]}
    bakery = client.post("/bakeries/", json={"region": "r", "name": "n", "description": "d"}, headers=key).json
    feedstock = client.post("/feedstocks/", json={"spec": "a/b", "provider": "github"}, headers=key).json
    run = run_body(app, bakery_id=bakery["id"], feedstock_id=feedstock["id"], is_test=True)
    created = client.post("/recipe_runs/", json=run, headers=key).json
    path, update = f"/recipe_runs/{created['id']}", {"message": '{"flow_id": "7"}'}
    assert client.patch(path, json=update, headers=key).json == created | update | {"updated_at": ANY}
    assert client.delete(path, headers=key).json == {"ok": True}
