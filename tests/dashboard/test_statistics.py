"""The filters of pages with statistics, and the links from numbers to the runs that they count."""

import re
from datetime import UTC, datetime, timedelta
from html import unescape

import pytest

from app.dashboard import ranges, statistics
from app.database.columns import now
from tests.support.factories import STARTED_AT, make_bakery, make_feedstock, make_link, make_run

ENDED = {"status": "completed", "conclusion": "success"}


def shown(client, path=""):
    """The text of a page of the dashboard."""
    response = client.get(f"/dashboard{path}")
    assert response.status_code == 200
    return unescape(response.text)


def midnight(days):
    """The date that many days ago."""
    return f"{now() - timedelta(days=days):%Y-%m-%d}"


def ended(app, days, **columns):
    """A run that started that many days ago and took an hour."""
    start = now() - timedelta(days=days)
    times = {"started_at": start, "completed_at": start + timedelta(hours=1)}
    return make_run(app, **ENDED | times | columns)


@pytest.fixture
def parents(app):
    return {"bakery_id": make_bakery(app).id, "feedstock_id": make_feedstock(app).id}


def runs_at(client, link):
    """The runs of the list to which a page links, by the API call of that list."""
    call = unescape(re.search(r'class="call" id="[^"]*" href="([^"]*)"', client.get(link).text)[1])
    return [run["id"] for run in client.get(call).json]


@pytest.mark.parametrize("path", ["", "/bakeries/{bakery_id}", "/feedstocks/{feedstock_id}"])
def test_an_age_holds_for_the_whole_page(app, client, parents, path):
    ended(app, 40, **parents, recipe_id="older")
    new = ended(app, 2, **parents, recipe_id="newer")
    text = shown(client, f"{path.format(**parents)}?since=30d")
    assert ("newer" in text, "older" in text) == (True, False)
    (every,) = re.findall(r"<dt>Runs</dt><dd><strong><a href=\"([^\"]*)\">1</a>", text)
    assert "since=30d" in every
    assert runs_at(client, every) == [new.id]


@pytest.mark.parametrize(("days", "weeks"), [(77, "2 weeks"), (300, "16 weeks")])
def test_the_durations_of_many_runs_are_shown_for_longer_periods(app, client, parents, monkeypatch, days, weeks):
    for started in (1, days):
        ended(app, started, **parents)
    assert f"Durations per {weeks}" not in shown(client)
    monkeypatch.setattr(statistics, "MANY_RUNS", 1)
    text = shown(client)
    assert f"Durations per {weeks}" in text
    assert len(re.findall("<title>[^<]*median 1 h", text)) == 2


def test_an_age_is_a_date_in_the_api_calls(client):
    calls = re.findall('class="call" id="[^"]*" href="([^"]*)"', shown(client, "?since=30d&type=production"))
    assert [f"since={midnight(30)}&type=production" in call for call in calls] == [True, True, True]
    assert {client.get(call).status_code for call in calls} == {200}


@pytest.mark.parametrize(
    ("text", "start"),
    [
        ("7d", datetime(2024, 2, 23, tzinfo=UTC)),
        ("2w", datetime(2024, 2, 16, tzinfo=UTC)),
        ("1y", datetime(2023, 3, 2, tzinfo=UTC)),
        ("24h", datetime(2024, 2, 29, 12, tzinfo=UTC)),
    ],
)
def test_an_age_begins_with_an_hour_or_a_day(monkeypatch, text, start):
    monkeypatch.setattr(ranges, "now", lambda: datetime(2024, 3, 1, 12, 34, 56, tzinfo=UTC))
    assert ranges.age(text).start() == start


def test_an_age_is_one_of_the_options_of_the_filter(client):
    assert '<option value="30d" selected>in the last 30 days</option>' in shown(client, "?since=30d")
    assert '<option value="45d" selected>in the last 45 days</option>' in shown(client, "?since=45d")
    assert '<option value="2020-01-01" selected>since 2020-01-01</option>' in shown(client, "?since=2020-01-01")


def test_an_age_that_has_passed_is_not_kept_with_the_query(app, client, monkeypatch):
    ended(app, 2, recipe_id="wanted")
    assert ">wanted</a>" in shown(client, "/recipe_runs?since=3d")
    monkeypatch.setattr(ranges, "now", lambda: now() + timedelta(days=9))
    assert ">wanted</a>" not in shown(client, "/recipe_runs?since=3d")


def test_a_page_without_runs_in_its_time_says_when_the_last_one_was(app, client):
    ended(app, 400)
    text = shown(client, "?since=30d")
    assert re.search(r"No runs match the filters. The last activity was\s+<time", text)


@pytest.mark.parametrize("page", ["?bakery_id={bakery_id}", "/bakeries/{bakery_id}", "/feedstocks/{feedstock_id}"])
def test_the_end_of_a_run_that_started_long_before_others_is_the_last_activity(app, client, parents, page):
    ended(app, 5, **parents, completed_at=now() - timedelta(minutes=2))
    for _ in range(9):
        make_run(app, **parents, started_at=now() - timedelta(days=4), created_at=now() - timedelta(days=4))
    make_run(app, **parents, started_at=now() + timedelta(days=4))
    text = shown(client, page.format(**parents))
    assert re.search("Last activity: <time [^>]*>2 minutes ago</time>", text)
    assert "probably never" not in text


@pytest.mark.parametrize("page", ["/feedstocks/{feedstock_id}?type=production", "/recipe_runs?type=production"])
def test_the_reason_of_a_failed_run_leads_to_runs_with_the_filters_of_the_page(app, client, parents, page):
    run = ended(app, 1, **parents, conclusion="failure", failure_class="lost", failure={"class": "lost", "cause": "c"})
    [link] = re.findall('<a class="why" href="([^"]*)"', shown(client, page.format(**parents)))
    assert "type=production" in link
    assert runs_at(client, link) == [run.id]


def test_tiles_lead_to_the_runs_that_they_count(app, client, parents):
    good, bad = ended(app, 1, **parents), ended(app, 2, **parents, conclusion="failure")
    waiting = make_run(app, **parents, started_at=now())
    text = shown(client)
    link = {words: url for url, words in re.findall(r'<a href="(/dashboard/recipe_runs[^"]*)">([^<]*)</a>', text)}
    assert runs_at(client, link["3"]) == [waiting.id, good.id, bad.id]
    assert runs_at(client, link["2 completed"]) == runs_at(client, link["50 %"]) == [good.id, bad.id]
    assert runs_at(client, link["1 succeeded"]) == [good.id]
    assert runs_at(client, link["2 runs"]) == [good.id, bad.id]
    assert runs_at(client, link["1"]) == [waiting.id]


def test_a_typical_duration_says_how_many_runs_have_none(app, client, parents):
    timed, untimed = ended(app, 1, **parents), ended(app, 2, **parents, completed_at=None)
    text = shown(client)
    said = r'median of 1 of <a href="([^"]*)">2 runs</a> that succeeded or failed; the others have no possible duration'
    assert runs_at(client, re.search(said, text)[1]) == [timed.id, untimed.id]


def test_bars_and_their_legend_lead_to_the_runs_that_they_count(app, client, parents):
    monday = datetime(2022, 5, 30, tzinfo=UTC)
    first, second, third = (
        make_run(app, **parents, started_at=monday + timedelta(days=days), status="completed", conclusion=conclusion)
        for days, conclusion in ((0, "success"), (6, "failure"), (7, "success"))
    )
    text = shown(client)
    bar = re.search("<title>30 May to 5 Jun 2022: 2 runs.*?</svg>", text, re.DOTALL)[0]
    whole, good, bad = re.findall('<a href="([^"]*)" tabindex="-1">', bar)
    found = [runs_at(client, link) for link in (whole, good, bad)]
    assert found == [[second.id, first.id], [first.id], [second.id]]
    legend = re.search('<li><svg [^>]*><rect class="fill success"[^>]*></svg> <a href="([^"]*)">success</a>', text)
    assert runs_at(client, unescape(legend[1])) == [third.id, first.id]


def test_unfinished_runs_in_a_plot_are_those_without_a_conclusion(app, client, parents):
    run = make_run(app, **parents)
    make_run(app, **parents, status="in_progress", conclusion="failure")  # the original has such runs
    bar = re.search(
        "<title>28 Feb to 6 Mar 2022: 2 runs, failure 1, unfinished 1</title>.*?</svg>", shown(client), re.DOTALL
    )
    assert runs_at(client, re.findall('<a href="([^"]*)"', bar[0])[-1]) == [run.id]


def test_a_bar_at_the_edge_of_the_time_leads_to_the_runs_within_it(app, client, parents):
    for day in (1, 3):
        make_run(app, **parents, started_at=datetime(2022, 6, day, 6, tzinfo=UTC))
    text = shown(client, "?since=2022-06-02&until=2022-06-03T12:00:00Z")
    assert "since=2022-06-02&until=2022-06-03T12:00:00Z" in text
    assert "until=2022-06-06" not in text


def test_a_success_rate_has_the_number_of_its_runs(app, client, parents):
    ended(app, 1, **parents), ended(app, 1, **parents, conclusion="timed_out"), ended(app, 1, **parents)
    assert re.search(r'<text class="count"[^>]*>3</text>', shown(client))
    assert "66.7 % of 3 succeeded" in shown(client, "/bakeries")


def test_old_unfinished_runs_are_said_to_be_stuck(app, client, parents):
    make_run(app, **parents, created_at=STARTED_AT)
    text = shown(client)
    assert re.search(r"1 run is unfinished</a>, and it is stuck.", text)
    assert re.search(r"The last activity was <time [^>]*>3 Mar 2022</time>, so these runs will probably never", text)


def test_a_feedstock_says_what_passes_and_since_when(app, client, parents):
    run = ended(app, 1, **parents, recipe_id="gpcp")
    ended(app, 0, **parents, is_test=True, conclusion="failure")
    text = shown(client, f"/feedstocks/{run.feedstock_id}")
    said = re.search(r'data-live="passing">(.*?)</p>', text, re.DOTALL)[1]
    assert f'<a href="/dashboard/recipe_runs/{run.id}">run {run.id}</a>' in said
    assert ('<span class="state success">passing</span>' in said, ">gpcp</a>" in said) == (True, True)
    assert re.search(r"succeeded. It started <time [^>]*>1 day ago</time>", said)


def test_the_page_of_a_parent_does_not_repeat_it_in_each_run(app, client, parents):
    ended(app, 1, **parents)
    feedstock = shown(client, f"/feedstocks/{parents['feedstock_id']}").partition("Latest runs")[2]
    bakery = shown(client, f"/bakeries/{parents['bakery_id']}").partition("Latest runs")[2]
    assert ('data-label="Feedstock"' in feedstock, 'data-label="Bakery"' in feedstock) == (False, True)
    assert ('data-label="Feedstock"' in bakery, 'data-label="Bakery"' in bakery) == (True, False)


def test_datasets_of_a_feedstock_have_the_filters_of_its_page(app, client, parents):
    make_link(app, feedstock_id=parents["feedstock_id"], recipe_id="old")
    path = f"/feedstocks/{parents['feedstock_id']}"
    assert ">old</a></h3>" in shown(client, path)
    text = shown(client, f"{path}?since=30d")
    assert "No dataset was built by runs that match the filters." in text
    assert re.search(rf'href="/datasets/\?type=all&[^"]*since={midnight(30)}T00', text)
