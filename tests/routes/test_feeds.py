"""Formats for other programs: Atom feeds and badges."""

from datetime import timedelta
from xml.etree import ElementTree

import feedparser
import pytest

from app.extensions import db
from tests.support.databases import on_sqlite
from tests.support.factories import STARTED_AT, make_bakery, make_feedstock, make_run
from tests.support.sent import statements

ENDED = {"status": "completed", "conclusion": "success"}
PUBLISHED = ENDED | {"dataset_type": "zarr", "dataset_public_url": "https://data.org/a.zarr"}
ATOM = "{http://www.w3.org/2005/Atom}"
HOSTILE = [
    "<b>&amp;\"'",
    "]]>",
    "\x01\x1b\x7f\x85",
    "\ufffe\uffff",
    "\U0001f600☂\u202e",
    "{{ 7 * 7 }}{% x %}",
    "a: b\n- c",
    "a\u2028b\u2029c\x9f\ufeffd",
    "&id *id",
]


def feed(client, feedstock):
    response = client.get(f"/feedstocks/{feedstock.id}/feed.atom")
    assert (response.status_code, response.content_type) == (200, "application/atom+xml; charset=utf-8")
    parsed = feedparser.parse(response.data)
    assert not parsed.bozo, parsed.bozo_exception
    return parsed


def feed_of_all(client, **options):
    parsed = feedparser.parse(client.get("/feed.atom", **options).data)
    assert not parsed.bozo, parsed.bozo_exception
    return parsed


def tag(run):
    return f"tag:pangeo-forge.org,2022:local/recipe_runs/{run.id}"


def badge(client, feedstock):
    return client.get(f"/feedstocks/{feedstock.id}/badge.svg")


def title(response):
    return ElementTree.fromstring(response.data).findtext("{http://www.w3.org/2000/svg}title")


def test_a_feed_has_the_finished_runs_with_the_newest_first(app, client):
    feedstock, bakery = make_feedstock(app, spec="a/b"), make_bakery(app, name="ldeo")
    parents = {"feedstock_id": feedstock.id, "bakery_id": bakery.id, "recipe_id": "r"}
    later = [STARTED_AT + timedelta(hours=hours) for hours in (3, 1)]
    runs = [make_run(app, completed_at=end, **parents, **PUBLISHED) for end in later]
    make_run(app, **parents)
    make_run(app, **ENDED)
    stale = ENDED | {"conclusion": "stale"}
    make_run(app, completed_at=STARTED_AT + timedelta(hours=4), **parents, **stale)
    found = feed(client, feedstock)
    assert found.feed.title == "Finished runs of a/b"
    assert found.feed.updated == "2022-03-03T05:29:54Z"
    assert [entry.id for entry in found.entries] == [tag(run) for run in runs]
    assert found.entries[0].title == "r: success"
    assert found.entries[0].summary == (
        f"Run {runs[0].id} of a/b at {runs[0].head_sha} in ldeo. Dataset: https://data.org/a.zarr"
    )


def test_a_feed_has_the_elements_of_rfc_4287(app, client):
    feedstock = make_feedstock(app)
    make_run(app, feedstock_id=feedstock.id, status="completed", is_test=True)
    root = ElementTree.fromstring(client.get(f"/feedstocks/{feedstock.id}/feed.atom").data)
    assert root.tag == f"{ATOM}feed"
    for element in (root, root.find(f"{ATOM}entry")):
        for name in ("id", "title", "updated"):
            [found] = element.findall(f"{ATOM}{name}")
            assert found.text
    assert root.findtext(f"{ATOM}author/{ATOM}name") == "Pangeo Forge"
    assert root.find(f"{ATOM}link").attrib["rel"] == "self"
    assert root.findtext(f"{ATOM}entry/{ATOM}title") == "example: no conclusion (test)"


def test_a_feed_without_runs_is_valid(app, client):
    found = feed(client, make_feedstock(app))
    assert (found.entries, found.feed.updated) == ([], "1970-01-01T00:00:00Z")


def test_a_feed_has_at_most_fifty_runs(app, client):
    parents = {"feedstock_id": make_feedstock(app).id, "bakery_id": make_bakery(app).id}
    runs = [make_run(app, **parents, **ENDED) for _ in range(51)]
    response = client.get(f"/feedstocks/{parents['feedstock_id']}/feed.atom")
    ids = [entry.id for entry in feedparser.parse(response.data).entries]
    assert ids == [tag(run) for run in runs[:0:-1]]


def test_ids_do_not_change_with_the_address_of_the_service(app, client):
    run = make_run(app, **ENDED)
    path = f"/feedstocks/{run.feedstock_id}/feed.atom"
    parsed = [feedparser.parse(client.get(path, base_url=base).data) for base in ("http://a.org", "https://b.org:8443")]
    assert [found.feed.id for found in parsed] == [f"tag:pangeo-forge.org,2022:local/feedstocks/{run.feedstock_id}"] * 2
    assert [found.entries[0].id for found in parsed] == [tag(run)] * 2


def test_ids_of_two_deployments_differ(app, client, monkeypatch):
    run = make_run(app, completed_at=STARTED_AT, **ENDED)
    monkeypatch.setitem(app.config, "DEPLOYMENT", "pre view")
    found = feed_of_all(client, base_url="https://a.org")
    assert found.entries[0].id == tag(run).replace("local", "pre%20view")


def test_feeds_and_entries_lead_to_the_pages_for_people(app, client):
    feedstock = make_feedstock(app)
    run = make_run(app, feedstock_id=feedstock.id, completed_at=STARTED_AT, **ENDED)
    for found, page in (
        (feed_of_all(client), "recipe_runs"),
        (feed(client, feedstock), f"feedstocks/{feedstock.id}"),
    ):
        assert found.feed.link == f"http://localhost/dashboard/{page}"
        assert found.entries[0].link == f"http://localhost/dashboard/recipe_runs/{run.id}"
        for link in (found.feed.link, found.entries[0].link):
            assert client.get(link).status_code == 200


def test_the_feed_of_all_feedstocks_has_the_runs_that_ended_last(app, client):
    ends = [STARTED_AT + timedelta(hours=hours) for hours in (1, 3, 2)]
    first, second, third = (make_run(app, completed_at=end, **ENDED) for end in ends)
    make_run(app)
    make_run(app, **ENDED)
    found = feed_of_all(client)
    assert [entry.id for entry in found.entries] == [tag(second), tag(third), tag(first)]
    assert (found.feed.id, found.feed.title) == ("tag:pangeo-forge.org,2022:local/feed", "Finished runs")
    assert found.feed.updated == "2022-03-03T05:29:54Z"


@pytest.mark.parametrize("path", ["/dashboard", "/docs"])
def test_the_pages_for_people_link_the_feed(client, path):
    link = '<link rel="alternate" type="application/atom+xml" title="Finished runs" href="/feed.atom">'
    assert link in client.get(path).text


@pytest.mark.parametrize("text", HOSTILE)
def test_a_feed_is_valid_xml_for_any_recipe_id(app, client, text):
    feedstock = make_feedstock(app, spec=text)
    make_run(app, feedstock_id=feedstock.id, recipe_id=text, **PUBLISHED | {"dataset_public_url": text})
    response = client.get(f"/feedstocks/{feedstock.id}/feed.atom")
    written = "".join("\ufffd" if character in "\x01\x1b\ufffe\uffff" else character for character in text)
    assert ElementTree.fromstring(response.data).findtext(f"{ATOM}title") == f"Finished runs of {written}"


@pytest.mark.parametrize(
    ("conclusions", "word"),
    [
        ([], "no status"),
        (["cancelled", "stale"], "no status"),
        (["success"], "passing"),
        (["failure", "success"], "passing"),
        (["success", "failure"], "failing"),
        (["success", "timed_out"], "failing"),
        (["success", "cancelled", "skipped"], "passing"),
    ],
)
def test_a_badge_shows_how_the_newest_judged_run_ended(app, client, conclusions, word):
    feedstock = make_feedstock(app)
    for conclusion in conclusions:
        make_run(app, feedstock_id=feedstock.id, status="completed", conclusion=conclusion)
    make_run(app, feedstock_id=feedstock.id, status="in_progress")
    make_run(app, feedstock_id=feedstock.id, status="completed", conclusion="failure", is_test=True)
    assert title(badge(client, feedstock)) == f"pangeo forge: {word}"


def test_a_badge_is_an_image_that_is_cached_for_minutes_and_then_revalidated(app, client):
    feedstock = make_feedstock(app)
    response = badge(client, feedstock)
    assert response.content_type == "image/svg+xml; charset=utf-8"
    assert response.headers["Cache-Control"] == "public, max-age=300"
    seen = {"If-None-Match": response.headers["ETag"]}
    assert client.get(f"/feedstocks/{feedstock.id}/badge.svg", headers=seen).status_code == 304
    make_run(app, feedstock_id=feedstock.id, **ENDED)
    assert client.get(f"/feedstocks/{feedstock.id}/badge.svg", headers=seen).status_code == 200


@pytest.mark.parametrize("name", ["feed.atom", "badge.svg"])
def test_a_missing_feedstock_has_no_feed_and_no_badge(client, name):
    response = client.get(f"/feedstocks/99/{name}")
    assert (response.status_code, response.json["detail"]) == (404, "feedstock 99 not found")
    assert response.headers["Cache-Control"] == "no-store"


@on_sqlite  # tests/database/test_query_plans.py is about PostgreSQL
def test_the_feed_of_all_reads_the_runs_that_ended_last_by_an_index(app, client):
    with statements() as sent:
        assert client.get("/feed.atom").status_code == 200
    [read] = [statement for statement in sent if "FROM reciperun" in statement.text]
    with app.app_context(), db.engine.connect() as connection:
        plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {read.text}", read.parameters).all()
    assert "USING INDEX ix_reciperun_completed_at_id" in plan[0][3]
