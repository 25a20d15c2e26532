"""Lists on the wire: links to other pages, counts, selected fields, and the runs of a parent."""

import json

import pytest

from tests.support.apps import make_app
from tests.support.factories import make_bakery, make_feedstock, make_run
from tests.support.links import follow, links

DOCUMENT = json.loads(make_app("sqlite:///never-opened.sqlite").extensions["openapi_json"])
GETS = {path: item["get"] for path, item in DOCUMENT["paths"].items() if "get" in item}
LISTS = {path: get for path, get in GETS.items() if "Link" in get["responses"]["200"].get("headers", ())}


@pytest.fixture
def bakeries(app):
    """The ids of five bakeries, in order."""
    return [make_bakery(app, region="here").id for _ in range(5)]


def ids(response):
    return [record["id"] for record in response.json]


def test_a_list_that_fits_on_a_page_has_a_link_to_the_first(client, bakeries):
    assert client.get("/bakeries/").headers["Link"] == '<http://localhost/bakeries/>; rel="first"'
    assert client.get("/bakeries?limit=5").headers["Link"] == '<http://localhost/bakeries?limit=5>; rel="first"'


def test_next_links_lead_through_the_list_and_prev_links_back(client, bakeries):
    pages = list(follow(client, "/bakeries/?limit=2"))
    assert [ids(page) for page in pages] == [bakeries[:2], bakeries[2:4], bakeries[4:]]
    assert [set(links(page)) for page in pages] == [{"first", "next"}, {"first", "prev", "next"}, {"first", "prev"}]
    assert [ids(page) for page in follow(client, links(pages[2])["prev"], "prev")] == [bakeries[2:4], bakeries[:2]]


def test_the_next_link_of_a_page_reached_by_prev_leads_forwards(client, bakeries):
    *_, last = follow(client, "/bakeries/?limit=2")
    back = client.get(links(last)["prev"])
    assert ids(client.get(links(back)["next"])) == ids(last)
    assert ids(client.get(links(back)["first"])) == bakeries[:2]


def test_a_page_by_offset_links_to_next_and_prev(client, bakeries):
    page = client.get("/bakeries/?limit=1&offset=3")
    assert ids(page) == bakeries[3:4]
    assert ids(client.get(links(page)["next"])) == bakeries[4:]
    assert ids(client.get(links(page)["prev"])) == bakeries[2:3]
    assert links(page)["first"] == "http://localhost/bakeries/?limit=1"


def test_an_empty_page_beyond_the_end_links_to_the_last_page(client, bakeries):
    page = client.get("/bakeries/?limit=2&offset=99")
    assert set(links(page)) == {"first", "prev"}
    last = client.get(links(page)["prev"])
    assert ids(last) == bakeries[3:]
    assert set(links(last)) == {"first", "prev"}


@pytest.mark.parametrize("query", ["limit=0", "limit=0&offset=3", "limit=0&count=true"])
def test_a_list_without_records_links_only_to_the_first_page(client, bakeries, query):
    response = client.get(f"/bakeries/?{query}")
    assert response.json == []
    assert set(links(response)) == {"first"}


def test_links_keep_all_other_parameters_percent_encoded(app, client):
    for _ in range(2):
        make_run(app, head_sha='é&=<>,;" +%/?#')
    query = {"limit": "1", "head_sha": ['é&=<>\\,;" +%/?#', "x"], "status": "queued", "count": "true"}
    response = client.get("/recipe_runs/", query_string=query)
    assert len(response.json) == 1
    after = client.get(links(response)["next"])
    assert after.json[0]["id"] == response.json[0]["id"] + 1
    assert after.headers["X-Total-Count"] == "2"
    assert links(after)["first"] == links(response)["first"]


def test_the_links_stay_in_the_same_list(app, client):
    bakery = make_bakery(app).id
    for _ in range(2):
        make_run(app, bakery_id=bakery)
    assert links(client.get(f"/bakeries/{bakery}/recipe_runs?limit=1"))["next"].startswith(
        f"http://localhost/bakeries/{bakery}/recipe_runs?limit=1&cursor="
    )


def test_the_count_covers_all_pages_with_the_same_filters(app, client, bakeries):
    make_bakery(app, region="there")
    for query in ("limit=0", "limit=1", "offset=4", "order_by=region&sort=desc"):
        response = client.get(f"/bakeries/?count=true&region=here&{query}")
        assert response.headers["X-Total-Count"] == "5"
    assert client.get(links(client.get("/bakeries/?count=1&limit=4"))["next"]).headers["X-Total-Count"] == "6"


@pytest.mark.parametrize("query", ["", "?count=false", "?count=0"])
def test_the_list_has_no_count_by_default(client, bakeries, query):
    assert "X-Total-Count" not in client.get(f"/bakeries/{query}").headers


def test_fields_selects_fields_in_wire_order(app, client):
    run = make_run(app)
    response = client.get("/recipe_runs/?fields=id,status,recipe_id,id")
    assert list(response.json[0].items()) == [("recipe_id", "example"), ("status", "queued"), ("id", run.id)]


def test_fields_may_omit_the_field_of_the_order(client, bakeries):
    pages = list(follow(client, "/bakeries/?fields=region&order_by=name&limit=3"))
    assert [page.json for page in pages] == [[{"region": "here"}] * 3, [{"region": "here"}] * 2]


def test_fields_of_an_event_have_their_names_on_the_wire(writer, app):
    run = make_run(app)
    writer.patch(f"/recipe_runs/{run.id}", json={"version": "2"})
    response = writer.get(f"/recipe_runs/{run.id}/events?fields=to,from")
    assert response.json == [{"from": {"version": "1.0"}, "to": {"version": "2"}}]
    assert writer.get(f"/recipe_runs/{run.id}/events?fields=after").status_code == 422


@pytest.mark.parametrize("fields", ["", ",", "id,", "nope", "id;name", "ID", "recipe_runs", "__class__", "a\0"])
def test_unknown_names_in_fields_are_422(client, fields):
    response = client.get("/bakeries/", query_string={"fields": fields})
    assert response.status_code == 422
    assert {error["pointer"] for error in response.json["errors"]} == {"/fields"}


@pytest.mark.parametrize("parent", ["bakery", "feedstock"])
def test_the_list_of_a_parent_has_only_its_runs(app, client, parent):
    make = {"bakery": make_bakery, "feedstock": make_feedstock}[parent]
    plural = {"bakery": "bakeries", "feedstock": "feedstocks"}[parent]
    first, second = make(app).id, make(app).id
    runs = [make_run(app, **{f"{parent}_id": number}).id for number in (first, second, first)]
    response = client.get(f"/{plural}/{first}/recipe_runs?count=true&sort=desc")
    assert ids(response) == [runs[2], runs[0]]
    assert response.headers["X-Total-Count"] == "2"
    assert client.get(f"/{plural}/{first}/recipe_runs/").json == client.get(f"/{plural}/{first}").json["recipe_runs"]
    assert ids(client.get(f"/{plural}/{first}/recipe_runs?{parent}_id={second}")) == []


@pytest.mark.parametrize("path", ["/bakeries/99/recipe_runs", "/feedstocks/99/recipe_runs/", "/recipe_runs/99/events"])
def test_the_list_of_a_missing_parent_is_404(client, path):
    response = client.get(path)
    assert response.status_code == 404
    assert response.json["detail"].endswith("99 not found")


def test_not_modified_has_the_links_and_the_count(client, bakeries):
    first = client.get("/bakeries/?limit=1&count=true")
    again = client.get("/bakeries/?limit=1&count=true", headers={"If-None-Match": first.headers["ETag"]})
    assert (again.status_code, again.data) == (304, b"")
    assert again.headers["Link"] == first.headers["Link"]
    assert again.headers["X-Total-Count"] == "5"


def test_scripts_of_other_origins_may_read_the_headers(client):
    exposed = client.get("/bakeries/", headers={"Origin": "https://a.org"}).headers["Access-Control-Expose-Headers"]
    assert {"Link", "X-Total-Count"} <= set(exposed.split(", "))


def test_every_list_is_documented_with_its_headers_and_parameters():
    runs = {"/recipe_runs/", "/bakeries/{id}/recipe_runs", "/feedstocks/{id}/recipe_runs"}
    others = {"/bakeries/", "/feedstocks/", "/datasets/", "/api-keys", "/audit"}
    others |= {"/recipe_runs/{id}/events", "/datasets/{id}/events"}
    others |= {"/datasets/{id}/checks"}
    assert set(LISTS) == runs | others
    names = {path: {item["name"] for item in get["parameters"]} for path, get in LISTS.items()}
    for path in LISTS:
        assert {"limit", "offset", "cursor", "order_by", "sort", "count", "fields", "id"} <= names[path]
    assert names["/recipe_runs/"] == names["/bakeries/{id}/recipe_runs"] == names["/feedstocks/{id}/recipe_runs"]
    assert {"q", "has_dataset", "status", "started_after"} <= names["/recipe_runs/"]
