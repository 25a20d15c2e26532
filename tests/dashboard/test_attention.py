"""The most frequent reasons of failures, stuck runs and recipes, on the pages that show the statistics of runs."""

import re
from datetime import timedelta
from html import unescape

import pytest
from sqlalchemy import insert

from app.dashboard import attention
from app.database.columns import now
from app.extensions import db
from app.models import RecipeRun
from app.services import reaper
from tests.support.factories import make_bakery, make_feedstock, make_run


def shown(client, path=""):
    """The text of a page of the dashboard."""
    return unescape(client.get(f"/dashboard{path}").text)


def failed(app, failure_class, **columns):
    return make_run(app, status="completed", conclusion="failure", failure_class=failure_class, **columns)


def test_the_most_frequent_reasons_come_first_and_lead_to_their_runs(app, client):
    run = failed(app, "source_not_found")
    failed(app, "unknown", feedstock_id=run.feedstock_id), failed(app, "source_not_found", is_test=True)
    text = shown(client)
    found = re.findall(r'<a href="([^"]*)">([^<]*)</a> <span class="faint">(\d runs?)</span>', text)
    assert found == [
        ("/dashboard/recipe_runs?failure_class=source_not_found", "source not found", "2 runs"),
        ("/dashboard/recipe_runs?failure_class=unknown", "reason unknown", "1 run"),
    ]
    assert "A source file does not exist." in text


def test_a_reason_has_its_share_of_the_failures(app, client):
    failed(app, "lost"), failed(app, "lost"), failed(app, "unknown")
    assert re.findall(r'class="fill failure" width="([^"]*)" height="8"', shown(client)) == ["66.67%", "33.33%"]


def test_the_reasons_are_those_of_the_runs_of_the_page(app, client):
    run = failed(app, "source_not_found", is_test=True)
    failed(app, "out_of_memory")
    text = shown(client, f"/feedstocks/{run.feedstock_id}?type=test&since=2020-01-01")
    links = re.findall(r"/dashboard/recipe_runs\?([^\"]*failure_class=[^\"]*)", text)
    assert links == [f"feedstock_id={run.feedstock_id}&type=test&since=2020-01-01&failure_class=source_not_found"]
    assert "/stats/failures?feedstock_id=" in text


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        ({"created_at": timedelta(hours=20)}, None),
        ({"created_at": timedelta(days=2)}, r"becomes <strong>stale</strong> <time [^>]*>[^<]*</time> \(in 11 days\)"),
        ({"created_at": timedelta(days=15)}, "becomes <strong>stale</strong> at the next"),
        ({"status": "in_progress", "started_at": timedelta(days=8)}, "becomes <strong>timed out</strong> at the next"),
        ({"status": "in_progress", "conclusion": "failure"}, "becomes <strong>failure</strong> at the next"),
    ],
)
def test_stuck_runs_are_shown_with_what_the_reaper_will_do(app, client, columns, said):
    times = {name: now() - value for name, value in columns.items() if isinstance(value, timedelta)}
    make_run(app, **columns | times)
    text = shown(client)
    assert bool(said) == ("1 run has not changed for more than a day" in text)
    assert said is None or re.search(said, text)


def test_a_run_is_stuck_if_its_bakery_allows_less_than_a_day(app, client):
    bakery = make_bakery(app, timeout_minutes=60).id
    for minutes in (30, 90):
        make_run(app, bakery_id=bakery, status="in_progress", started_at=now() - timedelta(minutes=minutes))
    text = shown(client, f"/bakeries/{bakery}")
    assert "The next clean-up (<code>flask runs reap</code>) ends 1 of them: 1 timed out." in text


def test_only_a_count_of_all_stuck_runs_is_divided_by_conclusion(app, client, monkeypatch):
    monkeypatch.setattr(reaper, "FORECASTS_MAX", 2)
    for _ in range(3):
        make_run(app, created_at=now() - timedelta(days=15))
    text = shown(client)
    assert re.search(r"ends at least \d of them. <code>flask runs reap --dry-run</code> counts all.", text)
    assert not re.search(r"\d stale", text)


def test_stale_runs_among_the_reasons_are_not_in_the_success_rate(app, client):
    failed(app, "unknown")
    assert "stale" not in re.search(r'id="reasons".*?</section>', shown(client), re.DOTALL)[0]
    make_run(app, status="completed", conclusion="stale", failure_class="lost")
    assert "These include 1 stale run. The success rate does not count it." in shown(client)


def test_a_feedstock_with_many_runs_lists_the_recipes_of_the_newest(app, client):
    feedstock, bakery = make_feedstock(app).id, make_bakery(app).id
    recipes = [*attention.RECENT * ["new"], "old", "older"]
    columns = {"feedstock_id": feedstock, "bakery_id": bakery, "head_sha": "", "version": ""}
    runs = [columns | {"recipe_id": name, "started_at": now() - timedelta(days=n)} for n, name in enumerate(recipes)]
    with app.app_context():
        db.session.execute(insert(RecipeRun).values(runs[:-2]))
        db.session.commit()
        assert ">1 recipe</h2>" in shown(client, f"/feedstocks/{feedstock}")
        db.session.execute(insert(RecipeRun).values(runs[-2:]))
        db.session.commit()
    text = shown(client, f"/feedstocks/{feedstock}")
    assert ">1 recipe in the newest 500 runs</h2>" in text
    assert re.findall(r'data-label="Runs" class="amount">(\d+)</td>', text) == ["500"]
    link = f"/dashboard/recipe_runs?feedstock_id={feedstock}&order_by=recipe_id&sort=asc"
    assert f'<a href="{link}">Show the runs of all recipes</a>' in text


def test_a_feedstock_lists_its_recipes_with_their_newest_runs(app, client):
    feedstock = make_feedstock(app).id
    old = {"feedstock_id": feedstock, "status": "completed", "conclusion": "success"}
    make_run(app, recipe_id="a/b", **old), make_run(app, recipe_id="c", **old)
    failed(app, "out_of_memory", feedstock_id=feedstock, recipe_id="a/b", started_at=now())
    text = shown(client, f"/feedstocks/{feedstock}")
    rows = re.findall(r'<span class="why">([^<]*)</span></td>\s*<th[^>]*><a href="([^"]*)">([^<]*)</a>', text)
    assert ("out of memory", f"/dashboard/feedstocks/{feedstock}/recipes/a/b", "a/b") in rows
    assert ">2 recipes</h2>" in text
    assert re.search(r'data-label="Runs" class="amount">2</td>\s*<td[^>]*>1</td>', text)


def test_runs_are_filtered_by_the_reason_in_words(app, client):
    failed(app, "source_not_found"), failed(app, "out_of_memory", recipe_id="wanted")
    text = shown(client, "/recipe_runs?failure_class=out_of_memory")
    assert '<option value="out_of_memory" selected>out of memory</option>' in text
    assert re.findall(r'rowheader" scope="row"><a [^>]*>([^<]*)', text) == ["wanted"]
