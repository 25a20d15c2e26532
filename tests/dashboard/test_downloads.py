"""Lists as files."""

import csv
import json
from datetime import timedelta
from io import StringIO

import pytest

from app.dashboard import downloads
from tests.support.factories import STARTED_AT, make_bakery, make_feedstock, make_link, make_run


def rows(client, path):
    """The rows of a CSV file, as a dict each."""
    response = client.get(f"/dashboard/{path}")
    assert (response.status_code, response.mimetype) == (200, "text/csv")
    return list(csv.DictReader(StringIO(response.text)))


def lines(client, path):
    """The records of a file of lines of JSON."""
    response = client.get(f"/dashboard/{path}")
    assert (response.status_code, response.mimetype) == (200, "application/x-ndjson")
    return [json.loads(line) for line in response.text.splitlines()]


@pytest.fixture
def runs(app):
    """Five runs, the newest first."""
    parents = {"bakery_id": make_bakery(app, name="here").id, "feedstock_id": make_feedstock(app, spec="a/b").id}
    starts = [STARTED_AT + timedelta(days=days) for days in range(5)]
    return [make_run(app, **parents, started_at=start) for start in starts][::-1]


def test_a_file_has_all_records_in_the_order_of_the_page(client, runs, monkeypatch):
    monkeypatch.setattr(downloads, "BATCH", 2)
    assert [row["id"] for row in rows(client, "recipe_runs.csv?limit=1")] == [str(run.id) for run in runs]
    assert [run["id"] for run in lines(client, "recipe_runs.ndjson")] == [run.id for run in runs]


def test_a_file_ends_at_the_maximum(client, runs, monkeypatch):
    monkeypatch.setattr(downloads, "ROWS_MAX", 3)
    assert len(lines(client, "recipe_runs.ndjson")) == 3


def test_a_file_has_the_filters_of_the_page(client, runs):
    found = rows(client, "recipe_runs.csv?started_before=2022-03-04&order_by=id&sort=asc")
    assert [row["id"] for row in found] == [str(runs[-1].id)]
    assert rows(client, "recipe_runs.csv?since=1d") == []


def test_a_page_links_to_its_files(client, runs):
    text = client.get("/dashboard/recipe_runs?status=queued&limit=1&offset=1").text
    assert 'href="/dashboard/recipe_runs.csv?status=queued" download>CSV</a>' in text
    assert 'href="/dashboard/recipe_runs.ndjson?status=queued" download>NDJSON</a>' in text


def test_columns_have_the_names_of_fields(client, runs):
    (row, *_) = rows(client, "recipe_runs.csv")
    assert (row["feedstock.spec"], row["bakery.name"], row["started_at"]) == ("a/b", "here", "2022-03-07T02:29:54Z")
    assert (row["is_test"], row["conclusion"], row["failure.class"]) == ("false", "", "")


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@sum(a)", "\t=1", "\r=1"])
def test_no_cell_is_a_formula(app, client, text):
    make_run(app, recipe_id=text, version=text)
    (row,) = rows(client, "recipe_runs.csv")
    assert (row["recipe_id"], row["version"]) == (f"'{text}", f"'{text}")
    (record,) = lines(client, "recipe_runs.ndjson")
    assert record["recipe_id"] == text


@pytest.mark.parametrize("name", ["bakeries", "feedstocks", "datasets"])
def test_every_list_is_a_file(app, client, name):
    make_link(app, recipe_id="one"), make_bakery(app)
    (row, *_), (record, *_) = rows(client, f"{name}.csv"), lines(client, f"{name}.ndjson/")
    assert row["id"] == str(record["id"])


def test_a_long_file_is_sent_from_the_disk(client, runs, monkeypatch):
    monkeypatch.setattr("app.web.documents.IN_MEMORY", 100)
    monkeypatch.setattr(downloads, "BATCH", 1)
    with client.get("/dashboard/recipe_runs.ndjson") as response:
        assert response.headers["Content-Disposition"] == 'attachment; filename="recipe_runs.ndjson"'
        assert len(response.text.splitlines()) == 5
