"""The STAC API is valid by the schemas of pystac, and pystac-client can follow its links."""

import re
from datetime import UTC, datetime, timedelta

import orjson
import pystac
import pytest
from pystac.validation import validate_dict
from pystac_client import Client

from app.services import catalogue
from app.web import documents
from tests.support.factories import STARTED_AT, make_bakery, make_description, make_feedstock, make_link, make_run

PUBLISHED = {"status": "completed", "conclusion": "success", "dataset_public_url": "https://data.org/a.zarr"}


def publish(app, **columns):
    return make_run(app, **PUBLISHED | {"dataset_type": "zarr"} | columns)


def is_valid(collection):
    """Whether the collection is valid by the schemas of pystac. It does not contain those of extensions."""
    return validate_dict(collection | {"stac_extensions": []})


# As browsers read them: they ignore the case, blanks and control characters before a scheme, and breaks in it.
SCRIPTS = ["javascript:alert(1)", "JavaScript://x/%0aalert(1)", " \x01javascript:x", "java\tscr\nipt:x"]
SCRIPTS += ["vbscript:x", "data:text/html,<script>alert(1)</script>"]


@pytest.mark.parametrize("url", SCRIPTS)
def test_a_url_that_a_browser_would_run_is_no_link(app, client, url):
    run = publish(app, dataset_public_url=url)
    collection = client.get(f"/stac/collections/{run.id}").json
    assert collection["assets"] == {}
    assert is_valid(collection)
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
    [collection] = [collection for collection in client.get_collections() if collection.id == "7"]
    assert collection.title == "Global Precipitation Climatology Project"
    assert client.get_collection(collection.id).to_dict() == collection.to_dict()
    asset = collection.assets["zarr"]
    assert asset.media_type == pystac.MediaType.VND_ZARR
    assert asset.href == "https://ncsa.osn.xsede.org/Pangeo/pangeo-forge/gpcp-feedstock/gpcp.zarr"


def test_pystac_follows_all_links_and_validates_the_catalogue(service):
    catalogue = pystac.Catalog.from_file(f"{service}/stac")
    assert catalogue.validate()
    assert all(is_valid(child.to_dict()) for child in catalogue.get_children())
    assert f"{service}/stac/collections/7" in [child.get_self_href() for child in catalogue.get_children()]


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
        ("netcdf", "netcdf", "application/netcdf"),
        ("icechunk", "icechunk", "application/vnd.zarr+icechunk"),
        ("grib", "grib", None),
        (None, "data", None),
    ],
)
def test_every_type_of_dataset_makes_a_valid_collection(app, client, dataset_type, key, media_type):
    run = publish(app, dataset_type=dataset_type, bakery_id=make_bakery(app, name="ldeo").id)
    body = client.get(f"/stac/collections/{run.id}").json
    assert is_valid(body)
    collection = pystac.Collection.from_dict(body)
    roles = ["data", "references"] if dataset_type == "kerchunk" else ["data"]
    assert (collection.assets[key].media_type, collection.assets[key].roles) == (media_type, roles)
    assert [(provider.name, provider.roles) for provider in collection.providers] == [("ldeo", ["processor"])]
    assert collection.extent.temporal.intervals == [[None, None]]


@pytest.mark.parametrize(
    ("url", "media_type"),
    [("s3://b/refs.parq", "application/vnd.apache.parquet"), ("s3://b/refs.json", "application/json")],
)
def test_references_have_the_media_type_of_their_form(app, client, url, media_type):
    run = publish(app, dataset_type="kerchunk", dataset_public_url=url)
    asset = client.get(f"/stac/collections/{run.id}").json["assets"]["kerchunk"]
    assert (asset["type"], asset["roles"]) == (media_type, ["data", "references"])


@pytest.mark.parametrize("text", ["a b/ü?#%", "<script>", "\x01\u202e", "x" * 255])
def test_a_collection_is_valid_for_any_recipe_id(app, client, text):
    run = publish(app, recipe_id=text, feedstock_id=make_feedstock(app, spec=text).id)
    body = client.get(f"/stac/collections/{run.id}").json
    assert is_valid(body)
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


def test_every_page_links_itself_as_asked_and_the_pages_beside_it(app, client):
    feedstock = make_feedstock(app).id
    for number in range(5):
        make_link(app, feedstock_id=feedstock, recipe_id=str(number))
    body = client.get("/stac/collections?limit=2&offset=2&unknown=x").json
    page = "http://localhost/stac/collections?limit=2&offset="
    assert [links(body, rel) for rel in ("self", "next", "prev")] == [[f"{page}2"], [f"{page}4"], [f"{page}0"]]
    assert links(client.get("/stac/collections").json, "self") == ["http://localhost/stac/collections"]


def test_a_limit_over_the_maximum_is_capped(app, client, monkeypatch):
    monkeypatch.setattr("app.routes.stac.LIMIT_MAX", 2)
    feedstock = make_feedstock(app).id
    for number in range(3):
        make_link(app, feedstock_id=feedstock, recipe_id=str(number))
    body = client.get("/stac/collections?limit=9999").json
    assert len(body["collections"]) == 2
    assert links(body, "next") == ["http://localhost/stac/collections?limit=9999&offset=2"]


@pytest.mark.parametrize("query", ["limit=0", "offset=-1"])
def test_an_invalid_page_is_422(client, query):
    assert client.get(f"/stac/collections?{query}").status_code == 422


@pytest.mark.parametrize("number", ["99", "-1", "foo", "1.5", "9" * 300, "%00", "é", "sentinel-2"])
def test_a_missing_collection_is_404(client, number):
    response = client.get(f"/stac/collections/{number}")
    assert response.status_code == 404
    assert response.json["detail"].startswith("dataset ")


def test_the_landing_page_in_batches_has_the_same_bytes(app, client, monkeypatch):
    feedstock = make_feedstock(app).id
    for number in range(7):
        make_link(app, feedstock_id=feedstock, recipe_id=str(number))
    at_once = client.get("/stac")
    monkeypatch.setattr(catalogue, "BATCH", 3)
    monkeypatch.setattr(documents, "IN_MEMORY", 0)
    in_batches = client.get("/stac", buffered=True)
    assert (in_batches.data, in_batches.headers["ETag"]) == (at_once.data, at_once.headers["ETag"])
    assert len(links(in_batches.json, "child")) == 7


def test_links_have_the_host_of_the_request(client):
    body = client.get("/stac", base_url="https://api.example.org").json
    assert links(body, "self") == ["https://api.example.org/stac"]


def test_an_invalid_host_is_400(client):
    response = client.get("/stac", headers={"Host": "a b"})
    assert (response.status_code, response.json["detail"]) == (400, "The Host header is not the name of a host.")


def found(client, query):
    body = client.get(f"/stac/collections?{query}").json
    assert body["numberReturned"] == len(body["collections"])
    return [collection["id"] for collection in body["collections"]]


@pytest.fixture
def three(app):
    """The ids of datasets of the recipes sst, ice and wind, in this order."""
    feedstock = make_feedstock(app).id
    builds = {"sst": 3, "ice": 1, "wind": 2}
    times = {recipe: STARTED_AT + timedelta(days=day) for recipe, day in builds.items()}
    return [
        str(make_link(app, feedstock_id=feedstock, recipe_id=recipe, last_build=time).id)
        for recipe, time in times.items()
    ]


def test_q_has_at_most_ten_texts_of_any_length(client):
    assert client.get(f"/stac/collections?q={'a' * 200}").status_code == 200
    refused = client.get(f"/stac/collections?q={','.join('abcdefghijk')}")
    assert (refused.status_code, refused.json["detail"]) == (422, "q: At most 10 texts, separated by commas.")
    document = client.get("/openapi.json").json["paths"]["/stac/collections"]["get"]["parameters"]
    assert ["maxLength" in parameter["schema"] for parameter in document if parameter["name"] == "q"] == [False]


def test_q_finds_collections_with_any_of_its_texts(client, three):
    sst, ice, _ = three
    assert found(client, "q=ice") == [ice]
    assert found(client, "q=ice,%20sst,nothing") == [ice, sst]
    assert found(client, "q=ice,sst&limit=1&offset=1") == [sst]
    assert found(client, f"q=ice,sst&offset={2**63 - 1}") == []
    assert found(client, "q=") == three


@pytest.mark.parametrize(
    ("sortby", "order"),
    [
        ("id", [0, 1, 2]),
        ("-id", [2, 1, 0]),
        ("%2Bupdated", [1, 2, 0]),
        ("+updated", [1, 2, 0]),
        ("-updated", [0, 2, 1]),
    ],
)
@pytest.mark.parametrize("q", ["", "sst,ice,wind", "wind,sst,ice,gpcp"])
def test_collections_are_sorted_by_a_field(client, three, sortby, order, q):
    expected, query = [three[number] for number in order], f"sortby={sortby}&q={q}"
    assert found(client, query) == expected
    pages = [found(client, f"{query}&limit=1&offset={offset}") for offset in range(4)]
    assert pages == [[number] for number in expected] + [[]]


@pytest.mark.parametrize(("sortby", "descending"), [("created", False), ("-created", True)])
def test_collections_with_the_same_value_are_sorted_by_id(client, three, sortby, descending):
    expected = three[::-1] if descending else three
    assert found(client, f"sortby={sortby}&q=wind,ice,sst") == found(client, f"sortby={sortby}") == expected


@pytest.mark.parametrize(
    "query", ["sortby=size", "sortby=", "sortby=id,updated", "q=" + ",".join("abcdefghijk"), "bbox=1", "datetime=x"]
)
def test_an_invalid_search_is_422(client, query):
    assert client.get(f"/stac/collections?{query}").status_code == 422


@pytest.mark.parametrize(
    ("query", "is_found"),
    [
        ("bbox=0,0,10,10", True),
        ("bbox=50,0,60,10", False),
        ("bbox=170,0,-170,10", False),
        ("datetime=2000-06-01T00:00:00Z", True),
        ("datetime=../1990-01-01", False),
        ("datetime=2005-01-01/..&bbox=5,5,6,6&q=sst", True),
        ("datetime=2005-01-01/..&bbox=5,5,6,6&q=ice", False),
    ],
)
def test_collections_are_found_by_place_and_time(app, client, three, query, is_found):
    edges = {"west": 0.0, "south": 0.0, "east": 20.0, "north": 20.0}
    times = {"time_start": datetime(2000, 1, 1, tzinfo=UTC), "time_end": datetime(2010, 1, 1, tzinfo=UTC)}
    make_description(app, id=int(three[0]), **edges | times)
    assert found(client, query) == three[:1] * is_found


@pytest.mark.parametrize(
    ("fields", "names"),
    [("id,title", {"id", "title"}), ("+id,extent.spatial", {"id", "extent"}), ("id,links,-links", {"id"})],
)
@pytest.mark.usefixtures("three")
def test_a_collection_has_the_fields_that_are_picked(client, fields, names):
    body = client.get("/stac/collections", query_string={"fields": fields}).json
    assert [set(collection) for collection in body["collections"]] == [names] * 3


@pytest.mark.usefixtures("three")
def test_a_collection_lacks_the_fields_that_are_excluded(client):
    [every, *_] = client.get("/stac/collections").json["collections"]
    [some, *_] = client.get("/stac/collections?fields=-links,-assets").json["collections"]
    assert every.keys() - some.keys() == {"links", "assets"}


# It knows the conformance classes of sorting and fields only for items.
@pytest.mark.filterwarnings("ignore:Server does not conform to (SORT|FIELDS)")
def test_pystac_client_searches_collections(service):
    found = Client.open(f"{service}/stac").collection_search(q="gpcp", sortby="-updated", fields=["id", "title"])
    assert [item["title"] for item in found.collections_as_dicts()] == ["Global Precipitation Climatology Project"]
    nothing = Client.open(f"{service}/stac").collection_search(q="no such dataset")
    assert list(nothing.collections()) == []
