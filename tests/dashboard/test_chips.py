"""The filters of the list of runs as chips."""

import re
from html import unescape

import pytest

from tests.support.factories import make_bakery, make_run


def chips(client, query):
    """The chips of the list of runs that are chosen, with their links."""
    text = unescape(client.get(f"/dashboard/recipe_runs?{query}").text)
    return {words: url for url, words in re.findall(r'<a class="chosen" href="([^"]*)">([^<]*) <', text)}


def test_several_statuses_are_chosen_one_after_the_other(client):
    text = unescape(client.get("/dashboard/recipe_runs?status=queued").text)
    assert 'href="/dashboard/recipe_runs?status=queued%2Cin_progress">in progress</a>' in text
    both = chips(client, "status=queued,in_progress")
    assert both == {
        "queued": "/dashboard/recipe_runs?status=in_progress",
        "in progress": "/dashboard/recipe_runs?status=queued",
    }


def test_a_chip_removes_one_value_and_keeps_the_others(client):
    found = chips(client, "status=queued&status=completed&q=sst&sort=asc")
    assert found["queued"] == "/dashboard/recipe_runs?q=sst&sort=asc&status=completed"
    assert found["contains sst"] == "/dashboard/recipe_runs?status=queued&status=completed&sort=asc"


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("since=30d", "started since 30 days ago"),
        ("started_after=2022-05-30", "started since 2022-05-30"),
        ("completed_before=2022-05-30", "ended before 2022-05-30"),
        ("head_sha=35d889f", "commit 35d889f"),
        ("failure_class=out_of_memory", "reason out of memory"),
        ("is_test=True", "test runs"),
        ("type=production", "kind production"),
        ("has_dataset=false", "without a dataset"),
        ("has_conclusion=false", "without a result"),
        ("recipe_id=a%5C,b", "recipe a,b"),
        ("q=a,b", "contains a,b"),
        ("bakery_id=999", "bakery 999"),
    ],
)
def test_every_filter_has_a_chip_in_words(client, query, words):
    assert chips(client, query) == {words: "/dashboard/recipe_runs"}


def test_the_chip_of_a_bakery_has_its_name(app, client):
    bakery = make_bakery(app, name="here")
    assert chips(client, f"bakery_id={bakery.id}") == {"bakery here": "/dashboard/recipe_runs"}


def test_the_form_keeps_the_chips_and_the_order(client):
    text = client.get("/dashboard/recipe_runs?status=queued&order_by=id&sort=asc&bakery_id=1,2").text
    for name, value in (("status", "queued"), ("order_by", "id"), ("sort", "asc")):
        assert f'<input type="hidden" name="{name}" value="{value}">' in text
    assert '<option value="1,2" selected>several</option>' in text
    assert not re.search('<select name="(order_by|sort)"', text)


def test_many_runs_are_counted_up_to_a_limit(app, client, monkeypatch):
    monkeypatch.setattr("app.dashboard.lists.COUNTED", 2)
    for _ in range(4):
        make_run(app)
    assert "more than 2 runs" in client.get("/dashboard/recipe_runs?q=a").text
    for query in ("status=queued", "since=2000-01-01", "since=2000-01-01T12:00:00Z&status=queued"):
        assert ">4 runs<" in client.get(f"/dashboard/recipe_runs?{query}").text
