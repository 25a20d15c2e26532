"""The catalogue and the pages of datasets without a browser."""

import re
from datetime import UTC, datetime
from html import unescape
from urllib.parse import quote

import pytest
from sqlalchemy import delete

from app.dashboard import words
from app.dashboard.maps import Extent
from app.extensions import db
from app.models import DatasetHealth, RecipeRun
from tests.support.factories import (
    make_check,
    make_description,
    make_feedstock,
    make_metadata,
    make_run,
    make_thumbnail,
)

TITLES = r'<h3><a href="[^"]*">([^<]*)</a>'
WHEN = datetime(2020, 1, 1, tzinfo=UTC)
YEAR = {"time_start": WHEN, "time_end": datetime(2020, 12, 1, tzinfo=UTC)}


def built(app, **columns):
    """A run that has built a dataset, whose id is that of the run."""
    published = {"status": "completed", "conclusion": "success", "dataset_public_url": "https://data.org/a.zarr"}
    return make_run(app, **{"recipe_id": "sst", "dataset_type": "zarr"} | published | columns)


def shown(client, path):
    """The text of a page of the dashboard."""
    response = client.get(f"/dashboard/{path}")
    assert response.status_code == 200
    return unescape(response.text)


def check(app, dataset, *, healthy, sentence="Its host answers."):
    """Store a check of the dataset, which is its verdict too."""
    results = {"reachable": {"ok": healthy, "sentence": sentence}}
    make_check(app, dataset_id=dataset, healthy=healthy, results=results)
    with app.app_context():
        db.session.merge(DatasetHealth(dataset_id=dataset, checked_at=WHEN, healthy=healthy))
        db.session.commit()


def test_a_row_shows_what_is_known_of_a_dataset(app, client):
    run = built(app, recipe_id="oisst")
    make_metadata(app, feedstock_id=run.feedstock_id, title="Sea surface", description="Daily,\nglobal.\n\nMore.")
    make_description(app, id=run.id, **YEAR)
    make_thumbnail(app, dataset_id=run.id)
    check(app, run.id, healthy=False)
    text = shown(client, "datasets")
    assert re.findall(TITLES, text) == ["Sea surface"]
    assert '<p class="summary">Daily, global.</p>' in text
    assert f'<img src="/datasets/{run.id}/thumbnail.png" alt=""' in text
    assert re.search("1 Jan 2020</time> to .*1 Dec 2020</time>", text)
    assert '<span class="state unhealthy">unhealthy</span>' in text


def test_the_type_that_an_inspection_found_is_shown_with_the_one_that_is_listed(app, client):
    run = built(app, dataset_type="zarr")
    make_description(app, id=run.id, engine="h5netcdf")
    assert re.search('<li class="tag">netcdf</li>\\s*<li>listed as zarr</li>', shown(client, "datasets"))
    assert "<dd>netcdf, listed as zarr</dd>" in shown(client, f"datasets/{run.id}")


def test_the_format_that_was_found_at_another_url_is_not_shown(app, client):
    run = built(app, dataset_type="netcdf")
    make_description(app, id=run.id, engine="zarr", zarr_format=2, url="https://data.org/former.zarr")
    assert "<dd>netcdf</dd>" in shown(client, f"datasets/{run.id}")


def test_a_picture_says_which_variable_it_shows(app, client):
    run = built(app)
    make_thumbnail(app, dataset_id=run.id, variable="sst")
    text = shown(client, f"datasets/{run.id}")
    assert 'alt="A quick look at the values of sst"' in text
    assert "A quick look at <code>sst</code>" in text


def test_a_row_of_a_dataset_about_which_nothing_is_known_shows_its_type(app, client):
    built(app, recipe_id="oisst", dataset_type="parquet")
    text = shown(client, "datasets")
    assert re.findall(TITLES, text) == ["oisst"]
    assert '<span class="blank">parquet</span>' in text
    assert '<span class="state not-checked">not checked</span>' in text


def test_the_newest_datasets_come_first(app, client):
    for day in (2, 3, 1):
        built(app, recipe_id=f"day-{day}", started_at=datetime(2022, 1, day, tzinfo=UTC))
    assert re.findall(TITLES, shown(client, "datasets")) == ["day-3", "day-2", "day-1"]


@pytest.mark.parametrize("name", ["format", "dataset_type"])
def test_a_facet_narrows_the_list_and_is_removed_again(app, client, name):
    built(app, recipe_id="a"), built(app, recipe_id="b", dataset_type="kerchunk")
    narrowed = shown(client, f"datasets?{name}=kerchunk")
    assert re.findall(TITLES, narrowed) == ["b"]
    (removal,) = re.findall(r'class="chosen" href="([^"]*)"', narrowed)
    assert removal == "/dashboard/datasets"
    assert re.search(r'href="/dashboard/datasets\?format=kerchunk">kerchunk</a>', shown(client, "datasets"))


@pytest.mark.parametrize("keyword", ["sea, ice", "a\\b", "Ice"])
def test_a_keyword_is_chosen_as_it_is_whatever_its_signs_and_case(app, client, keyword):
    run = built(app)
    make_metadata(app, feedstock_id=run.feedstock_id, keywords=[keyword])
    (choice,) = re.findall(r'href="(/dashboard/datasets\?keyword=[^"]*)"', shown(client, "datasets"))
    for path in (unescape(choice), f"/dashboard/datasets?keyword={quote(keyword.upper())}"):
        text = client.get(path).text
        assert f'/dashboard/datasets/{run.id}"' in text
        assert re.findall(r'class="chosen" href="([^"]*)">([^<]*) ', text) == [("/dashboard/datasets", keyword)]
        assert f">{keyword}</a>" not in text  # it is not among those to choose


@pytest.mark.parametrize("given", ["q=ice", "keyword=sea, ice", "bbox=170,-10,-170,10", "datetime=2020-01-01/.."])
def test_a_text_a_place_or_a_time_in_the_address_is_shown_and_can_be_removed(client, given):
    text = shown(client, f"datasets?{given}")
    assert re.search(rf'class="chosen" href="/dashboard/datasets">{given.partition("=")[2]} ', text)


def test_the_catalogue_names_the_feedstock_that_it_is_narrowed_to(app, client):
    feedstock = make_feedstock(app, spec="a/oisst-feedstock")
    text = shown(client, f"datasets?feedstock_id={feedstock.id}")
    assert re.search(r'class="chosen" href="/dashboard/datasets">a/oisst-feedstock ', text)


def withdrawn(app):
    """The id of a dataset whose build was deleted."""
    run = built(app)
    with app.app_context():
        db.session.execute(delete(RecipeRun))
        db.session.commit()
    return run.id


def test_withdrawn_datasets_are_hidden_until_they_are_asked_for(app, client):
    withdrawn(app)
    hidden = shown(client, "datasets")
    (link,) = re.findall(r'href="/dashboard/([^"]*)">Show withdrawn', hidden)
    assert (re.findall(TITLES, hidden), re.findall(TITLES, shown(client, link))) == ([], ["sst"])
    assert 'href="/dashboard/datasets">Hide withdrawn' in shown(client, link)


def test_the_page_of_a_withdrawn_dataset_says_so(app, client):
    text = shown(client, f"datasets/{withdrawn(app)}")
    assert "no build of it is published any more" in text
    assert "Its builds were deleted or corrected." in text


def test_the_page_of_a_dataset_shows_what_it_is(app, client):
    run = built(app)
    about = {"title": "Sea surface", "description": "Daily.\n\nGlobal.", "keywords": ["ocean"], "license": "CC-BY-4.0"}
    about |= {"license_text": "CC-BY-4.0", "providers": [{"name": "NOAA", "roles": ["producer"], "url": None}]}
    about |= {"maintainers": [{"name": "Ada", "github": "ada", "orcid": None}], "citation": "Ada (2020)."}
    make_metadata(app, feedstock_id=run.feedstock_id, **about)
    text = shown(client, f"datasets/{run.id}")
    assert "<h1>Sea surface</h1>" in text
    assert "<p>Daily.</p><p>Global.</p>" in text
    assert '<a class="tag" href="/dashboard/datasets?keyword=ocean">ocean</a>' in text
    assert 'href="https://spdx.org/licenses/CC-BY-4.0.html" rel="noopener noreferrer">CC-BY-4.0</a>' in text
    assert 'NOAA <span class="faint">(producer)</span>' in text
    assert 'href="https://github.com/ada" rel="noopener noreferrer">Ada</a>' in text


def test_a_dataset_is_cited_as_its_feedstock_says_and_with_its_own_address(app, client):
    run = built(app, feedstock_id=make_feedstock(app, spec="a/b").id)
    about = {"citation": "Ada (2020).", "providers": [{"name": "NOAA", "roles": ["producer"], "url": None}]}
    make_metadata(app, feedstock_id=run.feedstock_id, **about)
    copy = f"Pangeo Forge. http://localhost/dashboard/datasets/{run.id}"
    assert f"Ada (2020).\n\nNOAA: sst. Dataset sst of a/b, built 3 Mar 2022. {copy}</pre>" in shown(
        client, f"datasets/{run.id}"
    )


def test_the_page_of_a_dataset_shows_its_variables_and_its_extent(app, client):
    run = built(app)
    edges = {"west": -25.0, "south": 30.0, "east": 45.5, "north": 72.0}
    make_description(app, id=run.id, **YEAR, **edges, time_step=30 * 86400.0, bytes_in_memory=2_391_379_200)
    text = shown(client, f"datasets/{run.id}")
    assert 'aria-label="Map of the world with the extent of the dataset: 25° W to 45.5° E, 30° N to 72° N"' in text
    assert '<rect class="extent" x="-25.0" y="-72.0" width="70.5" height="42.0"/>' in text
    assert "every month" in text
    assert "2.39 GB in memory" in text
    assert re.search("<code>sst</code>.*time\xa03.*float32", text, re.DOTALL)


def test_the_page_of_a_dataset_shows_its_health_and_earlier_checks(app, client):
    run = built(app)
    check(app, run.id, healthy=True)
    check(app, run.id, healthy=False, sentence="There is nothing at its url.")
    text = shown(client, f"datasets/{run.id}")
    assert '<li class="bad"><span class="unseen">Problem: </span>There is nothing at its url.</li>' in text
    assert "Earlier checks" in text
    assert text.count('<span class="state healthy">healthy</span>') == 1


def test_the_page_of_a_dataset_shows_how_programs_open_it(app, client):
    run = built(app)
    text = shown(client, f"datasets/{run.id}")
    assert "ds = xr.open_dataset('https://data.org/a.zarr', engine='zarr', chunks={})" in text
    assert f'intake.open_catalog("http://localhost/catalog.yaml")["{run.id}"].read()' in text
    assert f'pystac.Collection.from_file("http://localhost/stac/collections/{run.id}")' in text


def test_a_test_dataset_is_not_in_the_other_catalogues(app, client):
    text = shown(client, f"datasets/{built(app, is_test=True).id}")
    assert "xr.open_dataset(" in text
    assert "intake.open_catalog(" not in text
    assert "pystac." not in text


def test_the_page_of_a_dataset_shows_what_its_builds_changed(app, client):
    feedstock = make_feedstock(app, spec="a/oisst-feedstock")
    first = built(app, feedstock_id=feedstock.id, head_sha="aaaaaaa")
    second = built(app, feedstock_id=feedstock.id, head_sha="bbbbbbb", dataset_public_url="https://data.org/b.zarr")
    text = shown(client, f"datasets/{first.id}")
    compared = "https://github.com/a/oisst-feedstock/compare/aaaaaaa...bbbbbbb"
    assert f'href="{compared}" rel="noopener noreferrer">commit</a>, bakery, url</td>' in text
    assert re.search(rf"run {second.id}</a>, before by run {first.id}\b", text)
    assert '<code>https://data.org/b.zarr</code> <span class="faint">was <code>https://data.org/a.zarr</code>' in text


def test_a_link_has_a_page_without_builds(app, client, writer):
    feedstock = make_feedstock(app)
    body = {"feedstock_id": feedstock.id, "recipe_id": "woa", "url": "s3://bucket/woa.zarr"}
    dataset = writer.post("/datasets/", json=body).json["id"]
    text = shown(client, f"datasets/{dataset}")
    assert "No run of this service has built it: it is a link." in text
    assert f'href="/dashboard/datasets/{dataset}">woa</a>' in shown(client, f"feedstocks/{feedstock.id}")


def test_the_page_of_a_feedstock_begins_with_what_its_data_are(app, client):
    run = built(app)
    make_metadata(app, feedstock_id=run.feedstock_id, title="Sea surface", license_text="Ask us.")
    text = shown(client, f"feedstocks/{run.feedstock_id}")
    assert "<h1>Sea surface</h1>" in text
    assert "<dt>Licence</dt><dd>Ask us.</dd>" in text
    assert re.findall(TITLES, text) == ["Sea surface"]


@pytest.mark.parametrize(
    ("edges", "boxes", "text"),
    [
        ((-180, -90, 180, 90), [(-180, -90, 360, 180)], "all longitudes, 90° S to 90° N"),
        ((170, -10, -170, 10), [(170, -10, 10, 20), (-180, -10, 10, 20)], "170° E to 170° W, 10° S to 10° N"),
        ((10, 50, 11, 50.25), [(9, -51.625, 3, 3)], "10° E to 11° E, 50° N to 50.25° N"),
    ],
)
def test_an_extent_is_drawn_around_the_globe_and_never_too_small(edges, boxes, text):
    extent = Extent(*edges)
    assert (extent.boxes, extent.text) == (boxes, text)


@pytest.mark.parametrize(
    ("value", "text"), [(None, "unknown"), (0, "0 B"), (999, "999 B"), (2_391_379_200, "2.39 GB"), (10**18, "1 EB")]
)
def test_sizes_have_three_digits(value, text):
    assert words.size(value) == text


@pytest.mark.parametrize(
    ("seconds", "text"), [(3600, "an hour"), (86400 * 30.5, "a month"), (86400 * 365.2425, "a year"), (6 * 3600, "6 h")]
)
def test_steps_have_the_names_of_the_calendar(seconds, text):
    assert words.step(seconds) == text
