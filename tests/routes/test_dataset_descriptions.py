"""What the API says of the data of a dataset, and what runners send."""

import pytest

from app.schemas.dataset_descriptions import EXAMPLE
from tests.support.apps import client_with
from tests.support.factories import make_bakery, make_check, make_description, make_link, make_thumbnail
from tests.support.inspections import make_dataset, record
from tests.support.links import follow

MINIMAL = {"variables": {}, "dimensions": {}, "attributes": {}, "engine": "zarr"}
OPTIONAL = {"west", "south", "east", "north", "time_start", "time_end", "time_step", "bytes_stored", "bytes_in_memory"}
OPTIONAL |= {"zarr_format", "consolidated", "snapshot_id"}


def test_a_description_is_what_a_runner_has_sent(app, client, writer):
    id = make_dataset(app)
    sent = writer.put(f"/datasets/{id}/description", json=EXAMPLE)
    got = client.get(f"/datasets/{id}/description")
    assert (sent.status_code, got.json) == (200, sent.json)
    assert {name: got.json[name] for name in EXAMPLE} == EXAMPLE
    assert (got.json["id"], got.json["run_id"], got.json["source"]) == (id, id, "runner")


def test_a_description_replaces_the_whole_earlier_one(app, client, writer):
    id = make_dataset(app)
    record(app, id)
    assert writer.put(f"/datasets/{id}/description", json=MINIMAL).status_code == 200
    found = client.get(f"/datasets/{id}/description").json
    assert {name for name, value in found.items() if value is None} == OPTIONAL
    assert found["variables"] == {}


def test_the_id_of_a_run_leads_to_the_description_of_its_dataset(app, client):
    first = make_dataset(app, recipe_id="one")
    record(app, first)
    assert client.get(f"/datasets/{first}/description").json["id"] == first


@pytest.mark.parametrize("path", ["description", "thumbnail.png"])
def test_a_dataset_that_was_not_inspected_is_404(app, client, path):
    id = make_dataset(app)
    assert client.get(f"/datasets/{id}/{path}").status_code == 404


@pytest.mark.parametrize("path", ["description", "checks", "thumbnail.png"])
def test_an_unknown_dataset_is_404_with_its_noun(app, client, path):
    answer = client.get(f"/datasets/999/{path}")
    assert (answer.status_code, answer.json["detail"]) == (404, "dataset 999 not found")


def test_a_stale_etag_is_412(app, client, writer):
    id = make_dataset(app)
    path, tag = f"/datasets/{id}/description", {"If-Match": '"stale"'}
    assert writer.put(path, json=MINIMAL, headers=tag).status_code == 412
    writer.put(path, json=MINIMAL)
    assert writer.put(path, json=EXAMPLE, headers=tag).status_code == 412
    fresh = {"If-Match": client.get(path).headers["ETag"]}
    assert writer.put(path, json=EXAMPLE, headers=fresh).status_code == 200


@pytest.mark.parametrize(
    ("fields", "pointer"),
    [
        ({"west": -180.0}, "/west"),
        ({"west": -200, "south": 0, "east": 0, "north": 0}, "/west"),
        ({"west": 0, "south": 10, "east": 0, "north": 0}, "/south"),
        ({"west": "0", "south": 0, "east": 0, "north": 0}, "/west"),
        ({"time_start": "2020-01-01T00:00:00Z"}, "/time_start"),
        ({"time_start": "2020-01-02T00:00:00Z", "time_end": "2020-01-01T00:00:00Z"}, "/time_start"),
        ({"variables": {"a": {"dimensions": ["x"], "shape": [], "dtype": "i4"}}}, "/variables/a"),
        ({"variables": {"a": {"dimensions": ["x"], "shape": [-1], "dtype": "i4"}}}, "/variables/a/value/shape/0"),
        ({"variables": {f"v{n}": {"dimensions": [], "shape": [], "dtype": ""} for n in range(501)}}, "/variables"),
        (
            {"dimensions": {"x": 3}, "variables": {"a": {"dimensions": ["x"], "shape": [4], "dtype": "i4"}}},
            "/variables/a",
        ),
        ({"engine": "Zarr"}, "/engine"),
        ({"dimensions": {"x": True}}, "/dimensions/x/value"),
        ({"attributes": {"x": "a" * 2001}}, "/attributes/x/value"),
        ({"attributes": {"x": {"y": 1}}}, "/attributes/x/value"),
        ({"attributes": {"x": [[[1]]]}}, "/attributes/x/value"),
        ({"zarr_format": 4}, "/zarr_format"),
        ({"bbox": [0, 0, 1, 1]}, "/bbox"),
    ],
)
def test_a_description_that_is_not_valid_is_422(app, writer, fields, pointer):
    answer = writer.put(f"/datasets/{make_dataset(app)}/description", json=MINIMAL | fields)
    assert (answer.status_code, answer.json["errors"][0]["pointer"]) == (422, pointer)


@pytest.mark.parametrize("value", ["NaN", "Infinity", "1e400"])
def test_a_number_that_json_does_not_have_is_refused(app, writer, value):
    body = f'{{"variables":{{}},"dimensions":{{}},"attributes":{{}},"engine":"zarr","time_step":{value}}}'
    path = f"/datasets/{make_dataset(app)}/description"
    assert writer.put(path, data=body, content_type="application/json").status_code in (400, 422)


def test_a_runner_describes_the_datasets_of_its_bakery_only(app, admin):
    bakery, other = make_bakery(app), make_bakery(app)
    mine, foreign = make_dataset(app, bakery_id=bakery.id), make_dataset(app, bakery_id=other.id)
    runner = client_with(app, admin.post("/api-keys", json={"scopes": [f"bakery:{bakery.id}"]}).json["key"])
    assert runner.put(f"/datasets/{mine}/description", json=MINIMAL).status_code == 200
    assert runner.put(f"/datasets/{foreign}/description", json=MINIMAL).status_code == 403
    answer = runner.put(f"/datasets/{make_link(app).id}/description", json=MINIMAL)
    assert (answer.status_code, answer.json["detail"].endswith("and this belongs to no bakery.")) == (403, True)


def test_a_description_is_in_the_audit_log(app, admin, writer):
    id = make_dataset(app)
    writer.put(f"/datasets/{id}/description", json=MINIMAL)
    entry = admin.get("/audit?sort=desc&limit=1").json[0]
    assert (entry["action"], entry["resource_id"]) == ("put_dataset_description", id)


def test_checks_are_pages_of_the_dataset_newest_first(app, client):
    id, other = make_dataset(app), make_dataset(app)
    ids = [make_check(app, dataset_id=id, healthy=healthy).id for healthy in (True, False, None)]
    make_check(app, dataset_id=other)
    pages = [page.json for page in follow(client, f"/datasets/{id}/checks?limit=2")]
    assert [[check["id"] for check in page] for page in pages] == [ids[:0:-1], ids[:1]]
    assert pages[1][0]["results"] == {"reachable": {"ok": True, "sentence": "Its host answers."}}
    assert [check["id"] for check in client.get(f"/datasets/{id}/checks?healthy=false").json] == [ids[1]]


@pytest.mark.parametrize("seconds", ["1.5", "15e-1", "0.15E1", "2.5192031772361067e-308"])
def test_checks_are_filtered_by_seconds_in_any_notation(app, client, seconds):
    """Programs write small numbers with an exponent."""
    id = make_dataset(app)
    check = make_check(app, dataset_id=id, seconds=float(seconds)).id
    make_check(app, dataset_id=id, seconds=2)
    assert [found["id"] for found in client.get(f"/datasets/{id}/checks?seconds={seconds}").json] == [check]


@pytest.mark.parametrize("seconds", ["1e", "e1", "1e9999", "nan", "1e999"])
def test_seconds_that_are_no_number_are_refused(app, client, seconds):
    assert client.get(f"/datasets/{make_dataset(app)}/checks?seconds={seconds}").status_code == 422


def test_a_thumbnail_is_a_picture_with_an_etag(app, client):
    id = make_dataset(app)
    make_thumbnail(app, dataset_id=id, png=b"\x89PNG\r\n", etag="abc")
    answer = client.get(f"/datasets/{id}/thumbnail.png")
    assert (answer.data, answer.content_type, answer.headers["ETag"]) == (b"\x89PNG\r\n", "image/png", '"abc"')
    assert answer.headers["Cache-Control"] == "public, max-age=3600"
    assert client.get(f"/datasets/{id}/thumbnail.png?v=2").data == answer.data
    again = client.get(f"/datasets/{id}/thumbnail.png", headers={"If-None-Match": '"abc"'})
    assert (again.status_code, again.data) == (304, b"")


def test_a_description_without_values_is_shown_as_it_is(app, client):
    id = make_dataset(app)
    make_description(app, id=id, west=None)
    found = client.get(f"/datasets/{id}/description").json
    assert (found["west"], found["variables"]["sst"]["shape"]) == (None, [3])
