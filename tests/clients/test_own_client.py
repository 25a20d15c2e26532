"""The library `pangeo_forge_client`, against the application."""

import ast
import dataclasses
import datetime as dt
import json
import re
import sys

import httpx
import pandas
import pytest

import pangeo_forge_client
from pangeo_forge_client import Client, records
from pangeo_forge_client.parameters import ONE_TEXT, bounding_box
from tests.support.apps import make_app
from tests.support.databases import on_sqlite
from tests.support.factories import STARTED_AT, make_bakery, make_feedstock, make_key, make_link, make_run
from tests.support.live import ROOT
from tests.support.own_client import connected

DOCUMENT = json.loads(make_app("sqlite:///never-opened.sqlite").extensions["openapi_json"])
SOURCES = sorted((ROOT / "client/pangeo_forge_client").rglob("*.py"))
# The records, by the schemas of their JSON.
SCHEMAS = {
    "RecipeRunRead": records.Run,
    "BakeryRead": records.Bakery,
    "FeedstockRead": records.Feedstock,
    "FeedstockDataset": records.Build,
    "DatasetRead": records.Dataset,
    "RecipeRunEventRead": records.RunEvent,
    "DatasetEventRead": records.DatasetEvent,
    "CheckRead": records.Check,
    "APIKeyRead": records.Key,
    "APIKeyCreated": records.NewKey,
    "APIKeyMe": records.OwnKey,
    "BakerySecretCreated": records.WebhookSecret,
    "RunLogRead": records.Log,
    "LogLine": records.LogLine,
    "Failure": records.Failure,
    "AuditRead": records.AuditEntry,
}


def test_its_version_is_that_of_the_service():
    assert pangeo_forge_client.__version__ == DOCUMENT["info"]["version"]


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_it_imports_only_itself_and_what_its_distribution_requires(path):
    allowed = {"pangeo_forge_client", "click", "httpx", *sys.stdlib_module_names}
    for node in ast.walk(ast.parse(path.read_text(), feature_version=(3, 10))):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        names += [node.module] if isinstance(node, ast.ImportFrom) else []
        assert {name.partition(".")[0] for name in names} <= allowed


@pytest.mark.parametrize("schema", SCHEMAS)
def test_a_record_has_the_fields_of_its_json(schema):
    fields = {field.metadata.get("name", field.name) for field in dataclasses.fields(SCHEMAS[schema])}
    assert fields == set(DOCUMENT["components"]["schemas"][schema]["properties"])


def parameters(is_list):
    """The names of the query parameters of all JSON lists whose values are a list, or are not."""
    for path, item in DOCUMENT["paths"].items():
        for parameter in item.get("get", {}).get("parameters", ()) if "/stac" not in path else ():
            if parameter["in"] == "query" and ("items" in parameter["schema"]) == is_list:
                yield parameter["name"]


def test_a_comma_is_escaped_in_the_parameters_in_which_it_separates_values():
    assert ONE_TEXT.isdisjoint(parameters(is_list=True))
    assert {"q", "variable", "keyword"} <= ONE_TEXT
    assert set(parameters(is_list=False)) >= ONE_TEXT


def test_a_loop_reads_all_pages(app, forge, monkeypatch):
    monkeypatch.setattr("pangeo_forge_client.transport.PAGE", 2)
    ids = [make_bakery(app).id for _ in range(5)]
    assert [bakery.id for bakery in forge.bakeries.list()] == ids
    assert [bakery.id for bakery in forge.bakeries.list(limit=3)] == ids[:3]


def test_a_page_is_requested_when_its_first_record_is_needed(app, monkeypatch):
    monkeypatch.setattr("pangeo_forge_client.transport.PAGE", 2)
    for _ in range(5):
        make_bakery(app)
    with connected(app) as (forge, network):
        found = iter(forge.bakeries.list())
        assert network.sent == []
        assert next(found).id < next(found).id
        assert len(network.sent) == 1


@on_sqlite
def test_pages_come_from_the_own_server_whatever_their_links_say(app, monkeypatch):
    monkeypatch.setattr("pangeo_forge_client.transport.PAGE", 1)
    monkeypatch.setitem(app.config, "PUBLIC_ORIGIN", "https://elsewhere.example")
    ids = [make_bakery(app).id for _ in range(3)]
    with connected(app) as (forge, network):
        assert [bakery.id for bakery in forge.bakeries.list()] == ids
    assert {request.url.host for request in network.sent} == {"service"}


def test_a_list_is_counted_without_reading_it(app, forge):
    run = make_run(app, status="in_progress")
    make_run(app)
    assert forge.runs.list(status="in_progress").count() == 1
    assert forge.runs.list(bakery_id=run.bakery_id).count() == 1


def test_filters_are_values_of_python(app, forge):
    wanted = make_run(app, recipe_id="a, b\\c", is_test=True, started_at=dt.datetime(2024, 1, 2, tzinfo=dt.UTC))
    make_run(app, recipe_id="a", started_at=dt.datetime(2024, 1, 1, tzinfo=dt.UTC))
    for filters in ({"recipe_id": "a, b\\c"}, {"recipe_id": ["a, b\\c", "b"]}, {"is_test": True}):
        assert [run.id for run in forge.runs.list(**filters)] == [wanted.id]
    assert [run.id for run in forge.runs.list(since=dt.date(2024, 1, 2), conclusion=None)] == [wanted.id]


def test_a_text_is_searched_with_its_comma(app, forge):
    link = make_link(app, title="Wind, at 10 m")
    assert [dataset.id for dataset in forge.datasets.search("wind, 10")] == [link.id]


def test_datasets_are_searched_by_place_and_time(app, forge):
    make_link(app)
    west, north = 12.3456789, 45.5
    assert bounding_box((west, 0, 20, north)) == "12.3456789,0,20,45.5"
    assert forge.datasets.search(datetime=STARTED_AT, bbox=(west, 0, 20, north)).all() == []
    assert forge.datasets.search(bbox=(-10, 35, 30.5, 60), datetime=("2000-01-01", None)).all() == []
    assert forge.datasets.search(datetime=dt.date(2000, 1, 1), variable="sst", keyword="sst").all() == []
    assert len(forge.datasets.search().all()) == 1


def test_a_record_has_times_of_python_and_its_json(app, forge):
    make_run(app, completed_at=STARTED_AT + dt.timedelta(minutes=5), conclusion="success", status="completed")
    [run] = forge.runs.list()
    assert run.completed_at - run.started_at == dt.timedelta(minutes=5)
    assert run.started_at.tzinfo is dt.UTC
    assert run.values["started_at"] == "2022-03-03T02:29:54Z"


@on_sqlite
def test_times_without_a_zone_are_in_utc(app, forge, monkeypatch):
    monkeypatch.setitem(app.config, "LEGACY_TIMESTAMPS", True)
    run = forge.runs.get(make_run(app).id)
    assert run.values["started_at"] == "2022-03-03T02:29:54"
    assert run.started_at == STARTED_AT


def test_pandas_reads_a_list(app, forge):
    make_run(app, recipe_id="gpcp")
    table = pandas.DataFrame(forge.runs.list())
    assert list(table.columns) == [field.name for field in dataclasses.fields(records.Run)]
    assert table.recipe_id[0] == "gpcp"


def test_a_feedstock_and_a_bakery_are_found_by_their_names(app, forge):
    bakery, feedstock = make_bakery(app), make_feedstock(app)
    assert forge.bakeries.get(bakery.name).id == forge.bakeries.get(bakery.id).id == bakery.id
    assert forge.feedstocks.get(feedstock.spec.upper()).id == forge.feedstocks.get(str(feedstock.id)).id == feedstock.id


def test_a_run_is_created_changed_and_deleted(app, forge):
    bakery, feedstock = make_bakery(app), make_feedstock(app)
    run = forge.runs.create(
        recipe_id="gpcp", bakery_id=bakery.id, feedstock_id=feedstock.id, head_sha="abc", is_test=True
    )
    assert (run.status, run.is_test, run.version) == ("queued", True, "")
    done = forge.runs.update(run.id, conclusion="failure", completed_at=dt.datetime.now(dt.UTC), message=None)
    assert (done.is_completed, done.has_failed) == (True, True)
    assert [event.after["status"] for event in forge.runs.events(run.id)] == ["queued", "completed"]
    forge.runs.delete(run.id)
    assert forge.runs.list().all() == []


def test_many_runs_are_created_in_few_requests(app, monkeypatch):
    monkeypatch.setattr("pangeo_forge_client.resources.runs.BULK", 2)
    run = {"recipe_id": "gpcp", "bakery_id": make_bakery(app).id, "feedstock_id": make_feedstock(app).id}
    run |= {"head_sha": "abc", "version": "1", "started_at": STARTED_AT}
    with connected(app) as (forge, network):
        assert len(forge.runs.create_many([run] * 5)) == 5
    assert len(network.sent) == 3


def test_a_feedstock_is_described_by_its_files(app, forge):
    id = forge.feedstocks.create("https://github.com/pangeo-forge/gpcp-feedstock").id
    assert forge.feedstocks.describe(id, "title: GPCP\nlicense: TODO\n")["ignored"]
    assert forge.feedstocks.describe(id, {"title": "GPCP, daily"})["title"] == "GPCP, daily"
    assert forge.feedstocks.metadata(id)["title"] == "GPCP, daily"
    forge.feedstocks.delete_metadata(id)
    with pytest.raises(pangeo_forge_client.NotFoundError):
        forge.feedstocks.metadata(id)


def test_a_key_is_created_rotated_and_revoked(app, forge):
    key = forge.keys.create(label="dataflow", scopes=[f"bakery:{make_bakery(app).id}"])
    assert (key.key[:4], key.label, key.key in repr(key)) == ("pfk_", "dataflow", False)
    new = forge.keys.rotate(key.id, grace_hours=0)
    assert not forge.keys.revoke(new.id).is_active
    assert {entry.action for entry in forge.audit.list(resource="api-keys")} >= {"create_api_key", "rotate_api_key"}


def test_the_key_in_use_is_shown(app):
    make_key(app, "a-key", label="dataflow")
    with connected(app, key="a-key") as (forge, _network):
        assert forge.keys.me().label == "dataflow"


def test_statistics_are_numbers(app, forge):
    make_run(app, status="completed", conclusion="success", completed_at=STARTED_AT, dataset_public_url="https://a.b")
    counts = (forge.stats.recipe_runs(), forge.stats.bakeries(), forge.stats.feedstocks(), forge.stats.datasets())
    assert counts == (1, 1, 1, 1)
    assert forge.stats.datasets(exclude_test_runs=True) == 1
    assert forge.stats.overview(is_test=False)["by_conclusion"]["success"] == 1


def test_a_link_to_a_dataset_is_added_and_withdrawn(app, forge):
    link = forge.datasets.create(feedstock_id=make_feedstock(app).id, recipe_id="era5", url="https://a.b/era5.zarr")
    assert forge.datasets.update(link.id, title="ERA5").title == "ERA5"
    assert forge.datasets.facets()["count"] == 1
    forge.datasets.delete(link.id)
    assert forge.datasets.get(link.id).withdrawn_at


def test_the_key_is_not_sent_to_another_host(app):
    away = httpx.Response(307, headers={"Location": "https://elsewhere.example/bakeries/"})
    with connected(app, away) as (forge, network):
        forge.bakeries.list().all()
    assert [request.url.host for request in network.sent] == ["service", "elsewhere.example"]
    assert ["Authorization" in request.headers for request in network.sent] == [True, False]


def test_the_environment_names_the_server_and_its_key(monkeypatch):
    monkeypatch.setenv("PANGEO_FORGE_SERVER", "https://forge.example/api/")
    monkeypatch.setenv("PANGEO_FORGE_API_KEY", "secret")
    seen = []

    def answer(request):
        seen.append((str(request.url), request.headers.get("Authorization")))
        return httpx.Response(200, json={"count": 1})

    for server in (None, "https://other.example"):
        Client(server, transport=httpx.MockTransport(answer)).stats.bakeries()
    assert seen == [
        ("https://forge.example/api/stats/bakeries", "Bearer secret"),
        ("https://other.example/stats/bakeries", None),
    ]


def test_every_module_is_documented_in_plain_words():
    assert all(ast.get_docstring(ast.parse(path.read_text())) for path in SOURCES)
    assert not [path for path in SOURCES if re.search(r"\bapp\.", path.read_text())]
