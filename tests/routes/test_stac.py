"""The STAC API is valid by the schemas of pystac, and pystac-client can follow its links."""

import re

import orjson
import pystac
import pytest
from pystac.validation import validate_dict
from pystac_client import Client

from tests.support.factories import make_bakery, make_feedstock, make_run

PUBLISHED = {"status": "completed", "conclusion": "success", "dataset_public_url": "https://data.org/a.zarr"}


def publish(app, **columns):
    return make_run(app, **PUBLISHED | {"dataset_type": "zarr"} | columns)


# As browsers read them: they ignore the case, blanks and control characters before a scheme, and breaks in it.
SCRIPTS = ["javascript:alert(1)", "JavaScript://x/%0aalert(1)", " \x01javascript:x", "java\tscr\nipt:x"]
SCRIPTS += ["vbscript:x", "data:text/html,<script>alert(1)</script>"]


@pytest.mark.parametrize("url", SCRIPTS)
def test_a_url_that_a_browser_would_run_is_no_link(app, client, url):
    run = publish(app, dataset_public_url=url)
    collection = client.get(f"/stac/collections/{run.id}").json
    assert collection["assets"] == {}
    validate_dict(collection)
    assert orjson.loads(client.get("/catalog.yaml").data)["data"] == {}
    feed = client.get("/feed.atom").text + client.get(f"/feedstocks/{run.feedstock_id}/feed.atom").text
    assert [href for href in re.findall(r'href="([^"]*)"', feed) if not href.startswith("http://localhost/")] == []
    assert client.get("/repr/xarray/", query_string={"url": url}).status_code == 422


@pytest.mark.parametrize(
    "url", ["https://data.org/javascript:x", "s3://bucket/data:x", "/data/a.zarr", "zip::s3://a/b"]
)
def test_other_urls_are_links(app, client, url):
    run = publish(app, dataset_public_url=url)
    assert client.get(f"/stac/collections/{run.id}").json["assets"]["zarr"]["href"] == url


def links(body, rel):
    return [link["href"] for link in body["links"] if link["rel"] == rel]


def test_pystac_client_follows_the_links_from_the_landing_page_to_the_store(service):
    client = Client.open(f"{service}/stac")
    assert client.conforms_to("CORE")
    assert client.conforms_to("COLLECTIONS")
    [collection] = client.get_collections()
    assert collection.title == "pangeo-forge/gpcp-feedstock: gpcp"
    assert client.get_collection(collection.id).to_dict() == collection.to_dict()
    asset = collection.assets["zarr"]
    assert asset.media_type == pystac.MediaType.VND_ZARR
    assert asset.href == "https://ncsa.osn.xsede.org/Pangeo/pangeo-forge/gpcp-feedstock/gpcp.zarr"


def test_pystac_follows_all_links_and_validates_the_catalogue(service):
    catalogue = pystac.Catalog.from_file(f"{service}/stac")
    assert catalogue.validate()
    assert all(child.validate() for child in catalogue.get_children())
    assert [child.get_self_href() for child in catalogue.get_children()] == [f"{service}/stac/collections/7"]


def test_the_landing_page_has_its_links_and_conformance_classes(client):
    body = client.get("/stac").json
    assert body["conformsTo"] == client.get("/stac/conformance").json["conformsTo"]
    for rel in ("self", "root", "data", "conformance", "service-desc", "service-doc"):
        [href] = links(body, rel)
        assert client.get(href).status_code == 200


def test_there_is_a_collection_for_each_dataset_of_production_runs(app, client):
    feedstock = make_feedstock(app)
    runs = [publish(app, feedstock_id=feedstock.id, recipe_id=recipe) for recipe in ("a", "b", "a")]
    publish(app, is_test=True)
    body = client.get("/stac/collections").json
    assert [collection["id"] for collection in body["collections"]] == [str(run.id) for run in runs[:2]]
    assert [href.rpartition("/")[2] for href in links(client.get("/stac").json, "child")] == [
        str(run.id) for run in runs[:2]
    ]


@pytest.mark.parametrize(
    ("dataset_type", "key", "media_type"),
    [
        ("zarr", "zarr", "application/vnd.zarr"),
        ("kerchunk", "kerchunk", "application/json"),
        ("parquet", "parquet", "application/vnd.apache.parquet"),
        ("netcdf", "netcdf", None),
        (None, "data", None),
    ],
)
def test_every_type_of_dataset_makes_a_valid_collection(app, client, dataset_type, key, media_type):
    run = publish(app, dataset_type=dataset_type, bakery_id=make_bakery(app, name="ldeo").id)
    body = client.get(f"/stac/collections/{run.id}").json
    assert validate_dict(body)
    collection = pystac.Collection.from_dict(body)
    assert (collection.assets[key].media_type, collection.assets[key].roles) == (media_type, ["data"])
    assert [(provider.name, provider.roles) for provider in collection.providers] == [("ldeo", ["processor"])]
    assert collection.extent.temporal.intervals == [[None, None]]


@pytest.mark.parametrize("text", ["a b/ü?#%", "<script>", "\x01\u202e", "x" * 255])
def test_a_collection_is_valid_for_any_recipe_id(app, client, text):
    run = publish(app, recipe_id=text, feedstock_id=make_feedstock(app, spec=text).id)
    body = client.get(f"/stac/collections/{run.id}").json
    assert validate_dict(body)
    assert all(href.isascii() for link in body["links"] for href in [link["href"]])


def test_a_collection_has_the_id_of_its_dataset(app, client):
    feedstock = make_feedstock(app)
    first, last = (publish(app, feedstock_id=feedstock.id) for _ in range(2))
    body = client.get(f"/stac/collections/{first.id}").json
    assert links(body, "self") == [f"http://localhost/stac/collections/{first.id}"]
    assert client.get(*links(body, "alternate")).json["id"] == first.id
    assert client.get(f"/stac/collections/{last.id}").status_code == 404


def test_a_dataset_of_tests_has_no_collection(app, client):
    run = publish(app, is_test=True)
    assert client.get(f"/stac/collections/{run.id}").status_code == 404


def test_the_collections_are_paged(app, client):
    feedstock = make_feedstock(app)
    runs = [publish(app, feedstock_id=feedstock.id, recipe_id=str(number)) for number in range(5)]
    reference, met = ["/stac/collections?limit=2"], []
    while reference:
        body = client.get(*reference).json
        met += [collection["id"] for collection in body["collections"]]
        reference = links(body, "next")
    assert met == [str(run.id) for run in runs]


@pytest.mark.parametrize("query", ["limit=0", "limit=1001", "offset=-1"])
def test_an_invalid_page_is_422(client, query):
    assert client.get(f"/stac/collections?{query}").status_code == 422


def test_a_missing_collection_is_404(client):
    response = client.get("/stac/collections/99")
    assert (response.status_code, response.json["detail"]) == (404, "dataset 99 not found")


def test_links_have_the_host_of_the_request(client):
    body = client.get("/stac", base_url="https://api.example.org").json
    assert links(body, "self") == ["https://api.example.org/stac"]


def test_an_invalid_host_is_400(client):
    response = client.get("/stac", headers={"Host": "a b"})
    assert (response.status_code, response.json["detail"]) == (400, "The Host header is not the name of a host.")
