"""The page of a recipe: its runs, their durations, what changed, and its address."""

import re
from datetime import timedelta
from html import unescape

import pytest

from app.dashboard import lists, recipes
from tests.support.factories import STARTED_AT, make_feedstock, make_link, make_run


@pytest.fixture
def feedstock(app):
    return make_feedstock(app, spec="a/sst-feedstock").id


def shown(client, feedstock, recipe="example", query=""):
    """The text of the page of a recipe."""
    response = client.get(f"/dashboard/feedstocks/{feedstock}/recipes/{recipe}{query}")
    assert response.status_code == 200
    return unescape(response.text)


def ended(app, feedstock, day, conclusion="success", **columns):
    """A run that started that many days after STARTED_AT and took an hour."""
    start = STARTED_AT + timedelta(days=day)
    state = {"status": "completed", "conclusion": conclusion, "completed_at": start + timedelta(hours=1)}
    return make_run(app, feedstock_id=feedstock, started_at=start, **state | columns)


def test_a_recipe_shows_its_runs_and_what_each_changed(app, client, feedstock):
    first = ended(app, feedstock, 1, head_sha="aaaaaaa")
    same = {"bakery_id": first.bakery_id, "head_sha": "bbbbbbb"}
    second, third = ended(app, feedstock, 2, **same), ended(app, feedstock, 3, **same, version="2.0")
    ended(app, feedstock, 4, recipe_id="another")
    text = shown(client, feedstock)
    assert re.findall(r">Run (\d+)</a>", text) == [str(run.id) for run in (third, second, first)]
    compared = "https://github.com/a/sst-feedstock/compare/aaaaaaa...bbbbbbb"
    assert re.findall('data-label="Changed">(.*)</td>', text) == [
        "version",
        f'<a class="compare" href="{compared}" rel="noopener noreferrer">commit</a>',
        "",
    ]
    assert f'<span class="state success">success</span> in <a href="/dashboard/recipe_runs/{third.id}">' in text


def test_a_recipe_whose_newest_run_failed_shows_its_last_success(app, client, feedstock):
    good = ended(app, feedstock, 1)
    bad = ended(app, feedstock, 2, "failure")
    make_run(app, feedstock_id=feedstock, started_at=STARTED_AT + timedelta(days=3))
    text = shown(client, feedstock)
    assert f'in <a href="/dashboard/recipe_runs/{bad.id}">run {bad.id}</a>' in text
    assert f'The recipe last succeeded in <a href="/dashboard/recipe_runs/{good.id}">' in text


def test_the_plot_has_the_runs_that_succeeded_or_failed_at_possible_times(app, client, feedstock):
    ended(app, feedstock, 1), ended(app, feedstock, 2, "failure"), ended(app, feedstock, 3, "timed_out")
    ended(app, feedstock, 4, completed_at=STARTED_AT)
    text = shown(client, feedstock)
    assert len(re.findall('<svg class="point"', text)) == 2
    assert ": failure after 1 h</title>" in text
    assert "1 run has impossible times and is not in the plot." in text


def test_runs_of_a_recipe_are_narrowed_to_a_kind(app, client, feedstock):
    ended(app, feedstock, 1), ended(app, feedstock, 2, is_test=True)
    assert ">1 run</h2>" in shown(client, feedstock, query="?type=test")
    assert ">2 runs</h2>" in shown(client, feedstock)


def test_only_some_runs_of_a_recipe_are_counted(app, client, feedstock, monkeypatch):
    for module in (lists, recipes):
        monkeypatch.setattr(module, "COUNTED", 2)
    for day in (1, 2, 3):
        ended(app, feedstock, day)
    assert ">More than 2 runs</h2>" in shown(client, feedstock)


@pytest.mark.parametrize(
    "recipe", ["eddy/low_res.zarr", "a//b", "/a/", "..", "a/./b", "50%", "%2F", "a b?#,\\é", "x/recipes/y", "new\nline"]
)
def test_any_id_of_a_recipe_has_a_page_to_which_its_runs_and_datasets_link(app, client, feedstock, recipe):
    run = ended(app, feedstock, 1, recipe_id=recipe, dataset_public_url="https://data.org/a.zarr")
    for path in (f"recipe_runs/{run.id}", f"datasets/{run.id}"):
        text = client.get(f"/dashboard/{path}").text
        (link,) = set(re.findall(r'href="(/dashboard/feedstocks/\d+/recipes/[^"]*)"', text))
        assert not re.search(r"//|/\.|/\Z", link)
        page = unescape(client.get(unescape(link)).text)
        assert (f"<h1>{recipe}</h1>" in page, f">Run {run.id}</a>" in page) == (True, True)
        listed = re.search('<a href="([^"]*)">Filter and sort all runs', page)[1]
        assert f"/dashboard/recipe_runs/{run.id}" in client.get(listed).text


@pytest.mark.parametrize("path", ["%00", "a%00b", "a%2500b", "%2500", "%ED%A0%80", "%25ED%25A0%2580", "%FF", "%25FF"])
def test_a_path_that_no_recipe_can_have_is_404(client, feedstock, path):
    assert client.get(f"/dashboard/feedstocks/{feedstock}/recipes/{path}").status_code == 404


def test_the_page_of_a_recipe_is_the_same_with_a_trailing_slash(app, client, feedstock):
    ended(app, feedstock, 1, recipe_id="eddy/low.zarr")
    assert shown(client, feedstock, "eddy/low.zarr/") == shown(client, feedstock, "eddy/low.zarr")


def test_a_recipe_without_runs_has_a_page_if_it_has_a_dataset(app, client, feedstock):
    make_link(app, feedstock_id=feedstock, recipe_id="linked")
    assert "There are no runs." in shown(client, feedstock, "linked")
    text = client.get(f"/dashboard/feedstocks/{feedstock}/recipes/nope").text
    assert f"recipe nope of feedstock {feedstock} not found" in text
