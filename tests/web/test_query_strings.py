"""Query parameters that are ignored: cache busters everywhere, and unknown ones on pages that people link to."""

import re

import pytest

from tests.support.apps import ADMIN_KEY, client_with
from tests.support.databases import on_sqlite
from tests.support.factories import make_bakery, make_feedstock, make_run
from tests.support.links import links

BUSTERS = "_=1719846000000&utm_source=news&utm_medium=e%26mail&_&utm_x"
NUMBER = 70_001
PUBLISHED = {"status": "completed", "conclusion": "success", "dataset_type": "zarr"}
JSON = ["/recipe_runs/", "/recipe_runs/{id}", "/bakeries/", "/bakeries/{id}", "/feedstocks/", "/feedstocks/{id}"]
JSON += ["/feedstocks/{id}/datasets", "/datasets/", "/datasets/{id}", "/stats/recipe_runs", "/stats/datasets"]
JSON += ["/stats/overview", "/recipe_runs/{id}/events", "/api-keys", "/api-keys/me", "/audit"]
PAGES = ["/dashboard", "/dashboard/recipe_runs", "/dashboard/datasets", "/dashboard/feedstocks", "/dashboard/bakeries"]
PAGES += ["/dashboard/recipe_runs/{id}", "/dashboard/datasets/{id}", "/dashboard/feedstocks/{id}"]
PAGES += ["/dashboard/bakeries/{id}", "/docs", "/feedstocks/{id}/badge.svg", "/feedstocks/{id}/feed.atom"]
PAGES += ["/catalog.yaml", "/stac", "/stac/conformance", "/stac/collections", "/stac/collections/{id}"]


@pytest.fixture(scope="module")
def reader(module_app):
    """An administrator of a service whose bakery, feedstock and run with a dataset have the id NUMBER."""
    parents = {"bakery_id": NUMBER, "feedstock_id": NUMBER}
    make_bakery(module_app, id=NUMBER), make_feedstock(module_app, id=NUMBER)
    make_run(module_app, id=NUMBER, **parents, **PUBLISHED, dataset_public_url="https://data.org/a.zarr")
    return client_with(module_app, ADMIN_KEY)


@on_sqlite
@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("path", [*JSON, *PAGES, "/", "/openapi.json", "/healthz"])
def test_cache_busters_are_ignored(reader, path, method):
    path = path.format(id=NUMBER)
    plain, busted = reader.open(path, method=method), reader.open(f"{path}?{BUSTERS}", method=method)
    assert (busted.status_code, busted.data) == (200, plain.data)
    assert busted.headers.get("Link") == plain.headers.get("Link")


@on_sqlite
@pytest.mark.parametrize("path", JSON)
def test_a_json_resource_refuses_other_unknown_parameters(reader, path):
    response = reader.get(f"{path.format(id=NUMBER)}?_=1&v=2")
    assert (response.status_code, [error["pointer"] for error in response.json["errors"]]) == (422, ["/v"])


@on_sqlite
@pytest.mark.parametrize("path", PAGES)
def test_what_people_link_to_ignores_every_unknown_parameter(reader, path):
    path, client = path.format(id=NUMBER), reader.application.test_client()
    plain, other = client.get(path), client.get(f"{path}?v=2&fbclid=a%00&a+b=1&__class__=1&%ff=1&=&v=3")
    assert (other.status_code, other.data) == (200, plain.data)


@pytest.mark.parametrize("query", ["utmsource=1", "__=1", "x_=1", "UTM_source=1", "utm=1", "_x=1"])
def test_a_parameter_that_resembles_a_cache_buster_is_refused(client, query):
    assert client.get(f"/recipe_runs/?{query}").status_code == 422


def test_a_cache_buster_changes_no_other_parameter(app, client):
    first, second = (make_bakery(app, region=region) for region in ("a&_=b", "a"))
    found = client.get("/bakeries/?_=1&region=a%26_%3Db&utm_source=a&limit=1&count=true")
    assert [bakery["id"] for bakery in found.json] == [first.id]
    assert found.headers["X-Total-Count"] == "1"
    assert [bakery["id"] for bakery in client.get("/bakeries/?region=a&_=1").json] == [second.id]


def test_links_to_other_pages_do_not_repeat_ignored_parameters(app, client):
    for _ in range(3):
        make_run(app)
    response = client.get("/recipe_runs/?limit=1&_=1&utm_source=a")
    assert "utm" not in response.headers["Link"]
    assert "_=" not in response.headers["Link"]
    assert client.get(links(response)["next"]).status_code == 200


def test_the_links_of_a_page_do_not_repeat_ignored_parameters(app, client):
    for _ in range(3):
        make_run(app)
    text = client.get("/dashboard/recipe_runs?limit=1&status=queued&utm_source=a&fbclid=b").text
    assert "limit=1&amp;status=queued" in text
    assert not re.search("utm_source|fbclid", text)


def test_a_write_refuses_unknown_parameters(admin):
    assert admin.post("/feedstocks/?_=1", json={"spec": "a/b"}).status_code == 422


def test_an_unencoded_url_may_be_followed_by_a_cache_buster(client):
    url = "https://not.published.example/a.zarr"
    assert client.get(f"/repr/xarray/?url={url}&_=1").json["detail"].startswith(f"{url} is not a dataset")
