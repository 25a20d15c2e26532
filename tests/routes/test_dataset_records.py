"""A dataset is a record: its id leads to it whatever happens to its runs, and its history says what happened."""

import pytest

from tests.routes.test_datasets import PUBLISHED, ids, publish
from tests.support.apps import ADMIN_KEY
from tests.support.factories import make_feedstock, make_run

KEY = {"X-API-Key": ADMIN_KEY}
LINK = {"recipe_id": "era5", "dataset_type": "zarr", "url": "https://data.org/era5.zarr"}
FORMATS = ("/datasets/{}", "/stac/collections/{}", "/dashboard/datasets/{}")


def change(client, run, **fields):
    response = client.patch(f"/recipe_runs/{run}", json=fields, headers=KEY)
    assert response.status_code == 200, response.json


def add(client, feedstock, **fields):
    return client.post("/datasets/", json={"feedstock_id": feedstock.id} | LINK | fields, headers=KEY)


def events(client, number):
    names = ("run_id", "url", "replaced_run_id", "replaced_url")
    return [tuple(event[name] for name in names) for event in client.get(f"/datasets/{number}/events").json]


def test_an_earlier_run_that_finishes_later_does_not_change_the_id(app, client):
    feedstock = make_feedstock(app)
    early = make_run(app, feedstock_id=feedstock.id, dataset_type="zarr")
    late = publish(app, feedstock)
    change(client, early.id, status="completed", conclusion="success", dataset_public_url="https://data.org/0.zarr")
    assert ids(client) == [late.id]
    dataset = client.get(f"/datasets/{late.id}").json
    assert (dataset["build_count"], dataset["run_id"], dataset["url"]) == (2, late.id, "https://data.org/a.zarr")


@pytest.mark.parametrize("path", FORMATS)
def test_the_id_leads_to_the_dataset_after_its_first_build_was_deleted(app, client, path):
    feedstock = make_feedstock(app)
    first, second = publish(app, feedstock).id, publish(app, feedstock).id
    client.delete(f"/recipe_runs/{first}", headers=KEY)
    assert client.get(path.format(first)).status_code == 200
    assert client.get(f"/datasets/{first}").json["run_id"] == second


@pytest.mark.parametrize("path", FORMATS)
def test_a_dataset_without_builds_says_that_it_was_withdrawn(app, client, path):
    run = publish(app, make_feedstock(app)).id
    client.delete(f"/recipe_runs/{run}", headers=KEY)
    assert client.get(path.format(run)).status_code == 200
    dataset = client.get(f"/datasets/{run}").json
    assert (dataset["withdrawn_at"] is not None, dataset["run_id"], dataset["build_count"]) == (True, None, 0)
    assert (ids(client), ids(client, "include_withdrawn=true")) == ([], [run])


def test_a_new_build_ends_the_withdrawal(app, client):
    feedstock = make_feedstock(app)
    run = publish(app, feedstock).id
    client.delete(f"/recipe_runs/{run}", headers=KEY)
    publish(app, feedstock)
    assert client.get(f"/datasets/{run}").json["withdrawn_at"] is None
    assert ids(client) == [run]


def test_a_corrected_recipe_moves_the_build_to_another_dataset(app, client):
    feedstock = make_feedstock(app)
    run = publish(app, feedstock).id
    change(client, run, recipe_id="other")
    (moved,) = ids(client)
    assert moved != run
    assert client.get(f"/datasets/{run}").json["withdrawn_at"] is not None
    assert client.get(f"/datasets/{moved}").json["run_id"] == run


def test_the_history_says_what_each_build_replaced(app, client):
    feedstock = make_feedstock(app)
    first = publish(app, feedstock, dataset_public_url="https://a.org/1").id
    second = publish(app, feedstock, dataset_public_url="https://a.org/2").id
    change(client, second, dataset_public_url="https://a.org/3")
    for run in (second, first):
        client.delete(f"/recipe_runs/{run}", headers=KEY)
    assert events(client, first) == [
        (first, "https://a.org/1", None, None),
        (second, "https://a.org/2", first, "https://a.org/1"),
        (second, "https://a.org/3", second, "https://a.org/2"),
        (first, "https://a.org/1", second, "https://a.org/3"),
        (None, None, first, "https://a.org/1"),
    ]


def test_a_build_may_carry_the_id_of_a_snapshot(app, client):
    run = publish(app, make_feedstock(app), dataset_type="icechunk", snapshot_id="VY76P925PRY57WFEK410").id
    dataset = client.get(f"/datasets/{run}").json
    assert (dataset["snapshot_id"], dataset["builds"][0]["snapshot_id"]) == ("VY76P925PRY57WFEK410",) * 2


def test_a_link_is_a_dataset_without_builds(app, client):
    feedstock = make_feedstock(app)
    response = add(client, feedstock, title="ERA5")
    assert (response.status_code, response.headers["Location"]) == (201, f"/datasets/{response.json['id']}")
    fields = ("url", "title", "run_id", "bakery", "build_count", "builds")
    dataset = client.get(response.headers["Location"]).json
    assert [dataset[name] for name in fields] == ["https://data.org/era5.zarr", "ERA5", None, None, 0, []]


def test_the_same_link_again_is_the_same_dataset(app, client):
    feedstock = make_feedstock(app)
    first = add(client, feedstock)
    assert [add(client, feedstock).status_code, add(client, feedstock).json] == [200, first.json]
    assert add(client, feedstock, url="https://b.org/").status_code == 409


def test_the_id_of_a_link_is_no_id_of_a_run(app, client):
    feedstock = make_feedstock(app)
    link = add(client, feedstock).json["id"]
    run = publish(app, feedstock).id
    assert run > link
    assert client.get(f"/datasets/{run}").json["id"] == run


def test_a_run_can_build_what_was_a_link(app, client):
    feedstock = make_feedstock(app)
    link = add(client, feedstock).json["id"]
    run = publish(app, feedstock, recipe_id="era5").id
    dataset = client.get(f"/datasets/{link}").json
    assert (dataset["run_id"], dataset["build_count"], dataset["url"]) == (run, 1, PUBLISHED["dataset_public_url"])


def test_a_link_can_be_changed_withdrawn_and_added_again(app, client):
    feedstock = make_feedstock(app)
    path = f"/datasets/{add(client, feedstock).json['id']}"
    assert client.patch(path, json={"url": "https://b.org/", "title": "B"}, headers=KEY).json["url"] == "https://b.org/"
    assert client.delete(path, headers=KEY).json == {"ok": True}
    assert (ids(client), client.get(path).json["withdrawn_at"] is None) == ([], False)
    assert client.patch(path, json={"url": "https://c.org/"}, headers=KEY).status_code == 409
    assert add(client, feedstock).status_code == 201
    assert (client.get(path).json["withdrawn_at"], client.get(path).json["url"]) == (None, LINK["url"])


@pytest.mark.parametrize("request_it", [{"method": "DELETE"}, {"method": "PATCH", "json": {"url": "https://b.org/"}}])
def test_what_runs_have_built_follows_from_them(app, client, request_it):
    run = publish(app, make_feedstock(app)).id
    response = client.open(f"/datasets/{run}", headers=KEY, **request_it)
    assert (response.status_code, f"recipe run {run}" in response.json["detail"]) == (409, True)


@pytest.mark.parametrize(
    "url",
    [
        *("javascript:alert(1)", "https://a:b@c.org/", "", " ", "foo", "/etc/passwd", "file:///a", "FILE://h/a"),
        *("https://", "https:///a", "http://[::1", "https://h:99999/x", "https://h/a\nb"),
    ],
)
def test_a_link_must_be_one_that_everyone_may_follow(app, client, url):
    response = add(client, make_feedstock(app), url=url)
    assert [error["pointer"] for error in response.json["errors"]] == ["/url"]


def test_a_link_needs_a_feedstock(client):
    response = client.post("/datasets/", json=LINK | {"feedstock_id": 99}, headers=KEY)
    assert (response.status_code, response.json["detail"]) == (422, "feedstock 99 not found")


def test_a_feedstock_with_datasets_cannot_be_deleted(app, client):
    feedstock = make_feedstock(app)
    add(client, feedstock)
    response = client.delete(f"/feedstocks/{feedstock.id}", headers=KEY)
    sentence = (
        f"feedstock {feedstock.id} has 1 dataset. A dataset keeps its id, so its feedstock cannot be deleted. Set "
        "retired_at instead."
    )
    assert (response.status_code, response.json["detail"]) == (409, sentence)
