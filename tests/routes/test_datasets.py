"""The catalogue of datasets: the runs that build one, its lists, and the Python snippet that opens it."""

import ast
from datetime import timedelta

import pytest

from tests.support import inspections
from tests.support.factories import RUN_FIELDS, STARTED_AT, make_bakery, make_feedstock, make_run
from tests.support.links import follow

PUBLISHED = {
    "status": "completed",
    "conclusion": "success",
    "dataset_type": "zarr",
    "dataset_public_url": "https://data.org/a.zarr",
}
TEXTS = ["ÄRGER", "ärger", "straße", "İstanbul", "%", "_", "a\\b"]


def publish(app, feedstock, **columns):
    return make_run(app, feedstock_id=feedstock.id, **PUBLISHED | columns)


def ids(client, query=""):
    response = client.get(f"/datasets/?{query}")
    assert response.status_code == 200, response.json
    return [dataset["id"] for dataset in response.json]


def test_a_dataset_has_the_fields_of_its_newest_build(app, client):
    feedstock = make_feedstock(app, spec="pangeo-forge/gpcp-feedstock")
    first = publish(app, feedstock, recipe_id="gpcp")
    bakery = make_bakery(app, name="ldeo", region="eu-west-1")
    later = {"started_at": STARTED_AT + timedelta(days=1), "dataset_public_url": "https://b.org/b.zarr"}
    last = publish(app, feedstock, recipe_id="gpcp", bakery_id=bakery.id, **later)
    assert client.get("/datasets/").json == [
        {
            "url": "https://b.org/b.zarr",
            "feedstock": "pangeo-forge/gpcp-feedstock",
            "feedstock_id": feedstock.id,
            "recipe_id": "gpcp",
            "dataset_type": "zarr",
            "is_test": False,
            "bakery": "ldeo",
            "bakery_id": bakery.id,
            "region": "eu-west-1",
            "first_build": "2022-03-03T02:29:54Z",
            "last_build": "2022-03-04T02:29:54Z",
            "build_count": 2,
            "run_id": last.id,
            "id": first.id,
            "title": None,
            "description": None,
            "snapshot_id": None,
            "withdrawn_at": None,
            "license": None,
            "keywords": [],
            "variables": [],
            "bbox": None,
            "time_start": None,
            "time_end": None,
            "healthy": None,
            "snippet": "import xarray as xr\n\nds = xr.open_dataset('https://b.org/b.zarr', engine='zarr', chunks={})",
            "format": "zarr",
        }
    ]


@pytest.mark.parametrize(
    "unlike",
    [
        {"status": "in_progress"},
        {"conclusion": "failure"},
        {"conclusion": None},
        {"dataset_public_url": None},
        {"dataset_public_url": ""},
    ],
)
def test_runs_without_a_published_dataset_are_not_builds(app, client, unlike):
    run = publish(app, make_feedstock(app), **unlike)
    assert client.get("/datasets/").json == []
    assert client.get(f"/datasets/{run.id}").json["detail"] == f"dataset {run.id} not found"


@pytest.mark.parametrize(
    "unlike", [{"recipe_id": "other"}, {"dataset_type": "kerchunk"}, {"dataset_type": None}, {"is_test": True}]
)
def test_recipe_type_and_kind_separate_datasets(app, client, unlike):
    feedstock = make_feedstock(app)
    runs = [publish(app, feedstock, **columns).id for columns in ({}, unlike, unlike)]
    assert ids(client, "type=all") == [runs[1], runs[0]]
    assert [client.get(f"/datasets/{run}").json["build_count"] for run in runs] == [1, 2, 2]


def test_the_newest_dataset_is_first(app, client):
    one, other = make_feedstock(app), make_feedstock(app)
    runs = [publish(app, feedstock).id for feedstock in (one, other, one)]
    assert ids(client) == runs[:2]
    assert ids(client, "sort=asc") == runs[1::-1]


@pytest.mark.parametrize(
    ("query", "expected"), [("", [0]), ("type=production", [0]), ("type=test", [1]), ("type=all", [1, 0])]
)
def test_the_list_has_production_datasets_by_default(app, client, query, expected):
    feedstock = make_feedstock(app)
    runs = [publish(app, feedstock, is_test=is_test).id for is_test in (False, True)]
    assert ids(client, query) == [runs[index] for index in expected]


@pytest.mark.parametrize(
    "query",
    [
        "feedstock=a/b",
        "feedstock_id={0}",
        "dataset_type=parquet",
        "recipe_id=r",
        "bakery=ldeo",
        "region=mars",
        "id={1}",
    ],
)
def test_datasets_can_be_filtered_by_their_fields(app, client, query):
    publish(app, make_feedstock(app))
    bakery, feedstock = make_bakery(app, name="ldeo", region="mars"), make_feedstock(app, spec="a/b")
    run = publish(app, feedstock, dataset_type="parquet", recipe_id="r", bakery_id=bakery.id)
    assert ids(client, query.format(feedstock.id, run.id)) == [run.id]


@pytest.mark.parametrize("text", TEXTS)
@pytest.mark.parametrize("member", ["recipe_id", "dataset_public_url", "spec"])
def test_q_finds_text_in_any_case(app, client, member, text):
    publish(app, make_feedstock(app))
    spec = {"spec": text} if member == "spec" else {}
    run = publish(app, make_feedstock(app, **spec), **({} if spec else {member: f"x{text}y"}))
    for query in (text, text.upper(), text.casefold()):
        found = client.get("/datasets/", query_string={"q": query}).json
        assert [dataset["id"] for dataset in found] == [run.id]


@pytest.mark.parametrize("order_by", ["id", "run_id", "build_count", "dataset_type", "url", "feedstock", "last_build"])
@pytest.mark.parametrize("sort", ["asc", "desc"])
def test_the_pages_have_every_dataset_once_in_order(app, client, order_by, sort):
    feedstock = make_feedstock(app)
    for number in range(7):
        for _ in range(1 + number % 2):
            publish(app, feedstock, recipe_id=f"r{number}", dataset_type=[None, "zarr", "parquet"][number % 3])
    query = f"order_by={order_by}&sort={sort}"
    whole = client.get(f"/datasets/?{query}").json
    pages = [page.json for page in follow(client, f"/datasets/?{query}&limit=2")]
    assert [dataset for page in pages for dataset in page] == whole
    assert len({dataset["id"] for dataset in whole}) == 7


def test_count_counts_datasets_not_builds(app, client):
    feedstock = make_feedstock(app)
    for _ in range(3):
        publish(app, feedstock)
    assert client.get("/datasets/?count=true").headers["X-Total-Count"] == "1"


def test_the_snippet_can_be_selected_but_not_ordered_or_filtered_by(app, client):
    publish(app, make_feedstock(app))
    assert list(client.get("/datasets/?fields=snippet").json[0]) == ["snippet"]
    assert client.get("/datasets/?order_by=snippet").status_code == 422
    assert client.get("/datasets/?snippet=x").status_code == 422


def test_a_dataset_is_found_by_the_id_of_any_of_its_builds(app, client):
    feedstock = make_feedstock(app)
    runs = [publish(app, feedstock) for _ in range(3)]
    [listed] = client.get("/datasets/").json
    body = client.get(f"/datasets/{runs[1].id}").json
    assert body == listed | {"builds": body["builds"]}
    assert [build["id"] for build in body["builds"]] == [run.id for run in runs[::-1]]
    assert list(body["builds"][0]) == RUN_FIELDS


def test_a_new_build_keeps_the_id_and_the_path_of_its_dataset(app, client):
    feedstock = make_feedstock(app)
    run = publish(app, feedstock)
    publish(app, feedstock)
    assert ids(client) == [run.id]


@pytest.mark.parametrize("number", ["0", "-1", "99", "2147483648", "9" * 30])
def test_a_missing_dataset_is_404(client, number):
    response = client.get(f"/datasets/{number}")
    assert (response.status_code, response.json["detail"]) == (404, f"dataset {number} not found")


@pytest.mark.parametrize(
    ("dataset_type", "url", "call"),
    [
        ("zarr", "https://a.org/b.zarr", "xr.open_dataset('https://a.org/b.zarr', engine='zarr', chunks={})"),
        ("zarr", "s3://a/b", "xr.open_dataset('s3://a/b', engine='zarr', chunks={}, storage_options={'anon': True})"),
        ("kerchunk", "https://a.org/b.json", "xr.open_dataset('https://a.org/b.json', engine='kerchunk', chunks={})"),
        (
            "kerchunk",
            "gs://a/b",
            "xr.open_dataset('gs://a/b', engine='kerchunk', chunks={}, storage_options="
            "{'target_options': {'token': 'anon'}, 'remote_options': {'token': 'anon'}})",
        ),
        ("parquet", "https://a.org/b", "pd.read_parquet('https://a.org/b')"),
        ("parquet", "S3://a/b", "pd.read_parquet('S3://a/b', storage_options={'anon': True})"),
    ],
)
def test_the_snippet_opens_each_type_without_credentials(app, client, dataset_type, url, call):
    publish(app, make_feedstock(app), dataset_type=dataset_type, dataset_public_url=url)
    [dataset] = client.get("/datasets/").json
    assert dataset["snippet"].endswith(f" = {call}")


@pytest.mark.parametrize("url", ["https://a/'", "https://a/\"'\\", "https://a/\n{}", "https://a/☂\u202e"])
def test_a_snippet_is_valid_python_for_any_url(app, client, url):
    publish(app, make_feedstock(app), dataset_public_url=url)
    [dataset] = client.get("/datasets/").json
    *_, assignment = ast.parse(dataset["snippet"]).body
    assert ast.literal_eval(assignment.value.args[0]) == url


@pytest.mark.parametrize("snapshot_id", ["ab\ncd", "\n\n1\n", '"\\', "a\u2028b"])
@pytest.mark.parametrize(
    ("dataset_type", "url", "call"),
    [
        ("zarr", "https://d.org/p.zarr", "xr.open_dataset('https://d.org/p.zarr', engine='zarr', chunks={})"),
        (
            "icechunk",
            "s3://b/p",
            "xr.open_zarr(repo.readonly_session(snapshot_id={!r}).store, consolidated=False, chunks={{}})",
        ),
    ],
)
def test_a_snippet_is_right_for_any_snapshot_id(app, client, dataset_type, url, call, snapshot_id):
    publish(app, make_feedstock(app), dataset_type=dataset_type, dataset_public_url=url, snapshot_id=snapshot_id)
    [dataset] = client.get("/datasets/").json
    expected = call.format(snapshot_id) if dataset_type == "icechunk" else call
    assert dataset["snippet"].endswith(f"\nds = {expected}")
    assert client.get(f"/datasets/{dataset['id']}").json["snippet"] == dataset["snippet"]


@pytest.mark.parametrize(("consolidated", "options"), [(True, ""), (False, ", consolidated=False")])
def test_a_snippet_says_that_metadata_are_not_consolidated(app, client, consolidated, options):
    id = inspections.make_dataset(app)
    inspections.record(app, id, description=inspections.DESCRIPTION | {"consolidated": consolidated})
    [dataset] = client.get("/datasets/").json
    assert dataset["snippet"].endswith(f"('https://data.example.org/a.zarr', engine='zarr', chunks={{}}{options})")


def test_no_snippet_is_longer_than_documented(app, client):
    url = "gs://" + "\U000e0001" * (2048 - len("gs://"))
    publish(app, make_feedstock(app), dataset_type="kerchunk", dataset_public_url=url)
    [dataset] = client.get("/datasets/").json
    document = client.get("/openapi.json").json["components"]["schemas"]["DatasetRead"]
    assert len(dataset["snippet"]) <= document["properties"]["snippet"]["maxLength"]


@pytest.mark.parametrize("dataset_type", [None, "grib"])
def test_a_dataset_of_unknown_type_has_no_snippet(app, client, dataset_type):
    publish(app, make_feedstock(app), dataset_type=dataset_type)
    assert client.get("/datasets/").json[0]["snippet"] is None
