"""Links to the service: their host, and the prefix of a proxy."""

import json
import re
from html import unescape
from urllib.request import urlopen
from xml.etree import ElementTree

import pytest

from tests.support.apps import ADMIN_KEY, client_with
from tests.support.databases import on_sqlite
from tests.support.factories import make_bakery, make_run
from tests.support.links import links
from tests.support.live import PATIENCE

PREFIX = {"X-Forwarded-Prefix": "/forge"}
PUBLISHED = {"status": "completed", "conclusion": "success", "dataset_type": "zarr"}
PAGES = ["/dashboard", "/dashboard/recipe_runs?limit=1", "/dashboard/recipe_runs?status=queued", "/dashboard/datasets"]
PAGES += ["/dashboard/bakeries", "/dashboard/feedstocks", "/dashboard/recipe_runs/{run}", "/dashboard/datasets/{run}"]
PAGES += ["/dashboard/feedstocks/{feedstock}", "/dashboard/bakeries/{bakery}", "/dashboard/nope", "/docs"]
PAGES += ["/dashboard/recipe_runs?limit=x", "/dashboard?since=2999-01-01T00:00:00Z"]


@pytest.fixture
def behind_proxy(app_with):
    """A service behind a proxy that removes /forge from paths."""
    return app_with(PROXY_COUNT="1")


@pytest.fixture
def ids(behind_proxy):
    """The ids of a run with a dataset and of its parents. Their feedstock and their bakery have another run."""
    run = make_run(behind_proxy, **PUBLISHED, dataset_public_url="https://data.org/a.zarr")
    make_run(behind_proxy, bakery_id=run.bakery_id, feedstock_id=run.feedstock_id)
    return {"run": run.id, "bakery": run.bakery_id, "feedstock": run.feedstock_id}


@pytest.fixture
def admin_behind_proxy(behind_proxy):
    client = client_with(behind_proxy, ADMIN_KEY)
    client.environ_base["HTTP_X_FORWARDED_PREFIX"] = "/forge"
    return client


def test_the_links_of_a_list_are_urls_of_the_host_of_the_request(app, client):
    make_bakery(app), make_bakery(app)
    found = links(client.get("/bakeries/?limit=1", base_url="https://api.example.org:8443"))
    assert found["first"] == "https://api.example.org:8443/bakeries/?limit=1"
    assert found["next"].startswith("https://api.example.org:8443/bakeries/?limit=1&cursor=")


def test_a_client_without_a_base_url_follows_the_link_to_the_next_page(service):
    with urlopen(f"{service}/recipe_runs/?limit=1", timeout=PATIENCE) as first:
        (one,), following = json.load(first), links(first)["next"]
    with urlopen(following, timeout=PATIENCE) as second:
        assert json.load(second)[0]["id"] > one["id"]


@on_sqlite
@pytest.mark.parametrize("public", ["https://forge.example.org", "https://forge.example.org:8443/", "http://a"])
def test_a_public_url_takes_precedence_over_the_host_of_the_request(app_with, public):
    client, public = app_with(PUBLIC_URL=public).test_client(), public.rstrip("/")
    assert links(client.get("/bakeries/"))["first"] == f"{public}/bakeries/"
    assert client.get("/stac").json["links"][0]["href"] == f"{public}/stac"
    assert client.get("/redoc").location == "/docs"


def test_the_path_of_a_public_url_is_the_prefix_of_every_link(app_with):
    client = app_with(PUBLIC_URL="https://example.org/forge/").test_client()
    assert links(client.get("/bakeries/"))["first"] == "https://example.org/forge/bakeries/"
    assert client.get("/stac").json["links"][0]["href"] == "https://example.org/forge/stac"
    assert client.get("/redoc", headers={"X-Forwarded-Prefix": "/evil"}).location == "/forge/docs"


def test_links_of_a_host_that_is_no_name_are_paths(app, client):
    assert links(client.get("/bakeries/", headers={"Host": "pangeo_api:8000"}))["first"] == "/bakeries/"


def test_links_never_lead_to_a_host_that_is_not_trusted(app_with):
    client = app_with(TRUSTED_HOSTS="api.example.org").test_client()
    response = client.get("/bakeries/", headers={"Host": "evil.example"})
    assert response.status_code == 400
    assert "evil.example" not in f"{response.headers}{response.text}"


@on_sqlite
def test_the_links_of_a_list_have_the_prefix(admin_behind_proxy, ids):
    found = links(admin_behind_proxy.get("/recipe_runs/?limit=1"))
    assert found["first"] == "http://localhost/forge/recipe_runs/?limit=1"
    assert found["next"].startswith("http://localhost/forge/recipe_runs/?limit=1&cursor=")


@on_sqlite
@pytest.mark.parametrize(
    ("path", "body"), [("/feedstocks/", {"spec": "a/b"}), ("/feedstocks", {"spec": "a/c"}), ("/api-keys", {})]
)
def test_the_location_of_a_new_record_has_the_prefix(admin_behind_proxy, path, body):
    response = admin_behind_proxy.post(path, json=body)
    assert response.headers["Location"] == f"/forge{path.rstrip('/')}/{response.json['id']}"


def test_the_location_of_a_rotated_key_has_the_prefix(admin_behind_proxy):
    number = admin_behind_proxy.post("/api-keys", json={}).json["id"]
    rotated = admin_behind_proxy.post(f"/api-keys/{number}/rotate", json={})
    assert rotated.headers["Location"] == f"/forge/api-keys/{rotated.json['id']}"


@on_sqlite
@pytest.mark.parametrize(
    ("path", "location"),
    [
        ("/", "/forge/dashboard"),
        ("/redoc", "/forge/docs"),
        ("/dashboard/recipe_runs?status=&limit=1", "/forge/dashboard/recipe_runs?limit=1"),
    ],
)
def test_a_redirect_has_the_prefix(admin_behind_proxy, path, location):
    assert admin_behind_proxy.get(path, headers={"Accept": "text/html"}).location == location


def test_a_redirect_to_https_has_the_prefix(app_with):
    response = app_with(PANGEO_FORGE_DEPLOYMENT="prod").test_client().get("/bakeries/?limit=1", headers=PREFIX)
    assert (response.status_code, response.location) == (307, "https://localhost/forge/bakeries/?limit=1")


@on_sqlite
@pytest.mark.parametrize("path", PAGES)
def test_every_link_of_a_page_has_the_prefix(admin_behind_proxy, ids, path):
    text = admin_behind_proxy.get(path.format(**ids)).text
    found = [unescape(link) for link in re.findall(r'(?:href|src|action|data-url)="([^"#]*)"', text)]
    own = [link for link in found if not link.startswith("https://")]
    assert own
    assert [link for link in own if not link.startswith("/forge/")] == []


@on_sqlite
def test_the_links_of_a_page_lead_back_through_the_proxy(admin_behind_proxy, ids):
    text = admin_behind_proxy.get("/dashboard/recipe_runs?limit=1").text
    for link in {unescape(link) for link in re.findall(r'href="(/forge/[^"#]*)"', text)}:
        assert admin_behind_proxy.get(link.removeprefix("/forge")).status_code == 200, link


@on_sqlite
def test_the_openapi_document_names_the_prefix_as_its_server(admin_behind_proxy, client):
    document = admin_behind_proxy.get("/openapi.json").json
    assert document.pop("servers") == [{"url": "/forge"}]
    assert document == client.get("/openapi.json").json


@on_sqlite
def test_stac_has_the_prefix(admin_behind_proxy, ids):
    paths = ["/stac", "/stac/collections?limit=1", f"/stac/collections/{ids['run']}"]
    hrefs = [link["href"] for path in paths for link in admin_behind_proxy.get(path).json["links"]]
    own = [href for href in hrefs if not href.startswith("https://github.com/")]
    assert [href for href in own if not href.startswith("http://localhost/forge/")] == []


@on_sqlite
def test_a_feed_has_the_prefix(admin_behind_proxy, ids):
    feed = ElementTree.fromstring(admin_behind_proxy.get(f"/feedstocks/{ids['feedstock']}/feed.atom").text)
    hrefs = [link.get("href") for link in feed.iter("{http://www.w3.org/2005/Atom}link")]
    assert len(hrefs) >= 2
    assert all(href.startswith("http://localhost/forge/") for href in hrefs)


def test_an_error_about_a_path_names_the_documentation_with_the_prefix(admin_behind_proxy):
    assert (
        admin_behind_proxy.get("/nope").json["detail"] == "There is nothing at /nope; /forge/docs lists what there is."
    )


@on_sqlite
@pytest.mark.parametrize("value", ["/forge/", "/evil, /forge", "/forge"])
def test_the_prefix_is_the_one_that_the_nearest_proxy_set(behind_proxy, value):
    assert behind_proxy.test_client().get("/redoc", headers={"X-Forwarded-Prefix": value}).location == "/forge/docs"


@on_sqlite
@pytest.mark.parametrize(
    "value", ["//evil.example", "https://evil.example", "/a//b", "/a b", "/\u00e9", '/"', "/", "x"]
)
def test_a_prefix_that_is_not_a_path_is_ignored(behind_proxy, value):
    assert behind_proxy.test_client().get("/redoc", headers={"X-Forwarded-Prefix": value}).location == "/docs"


def test_a_prefix_without_a_trusted_proxy_is_ignored(client):
    assert client.get("/redoc", headers=PREFIX).location == "/docs"
    assert "servers" not in client.get("/openapi.json", headers=PREFIX).json
