"""The Intake catalogue: Intake reads it, and it leads to every dataset."""

from typing import Any

import intake
import orjson
import pytest
import yaml

from app.routes import intake as catalogue_form
from app.services import catalogue
from app.web import documents
from tests.routes.test_feeds import HOSTILE, PUBLISHED
from tests.support.factories import make_bakery, make_description, make_feedstock, make_link, make_run

LAZY: dict[str, Any] = {"chunks": {}}
REPOSITORY = {"bucket": "a", "prefix": "b", "anonymous": True}


def catalog(client):
    response = client.get("/catalog.yaml", buffered=True)
    assert (response.status_code, response.mimetype) == (200, "application/yaml")
    return intake.readers.entry.Catalog.from_dict(yaml.safe_load(response.data))


def test_intake_opens_the_catalogue_and_finds_the_store(service):
    found = intake.open_catalog(f"{service}/catalog.yaml")
    assert "pangeo-forge/gpcp-feedstock/gpcp.zarr" in list(found)
    reader = found["pangeo-forge/gpcp-feedstock/gpcp.zarr"]
    assert isinstance(reader, intake.readers.readers.XArrayDatasetReader)
    assert isinstance(reader.kwargs["args"][0], intake.readers.datatypes.Zarr)
    assert reader.kwargs["args"][0].url == "https://ncsa.osn.xsede.org/Pangeo/pangeo-forge/gpcp-feedstock/gpcp.zarr"
    assert reader.metadata["recipe_id"] == "gpcp"


@pytest.mark.parametrize(
    ("dataset_type", "url", "reader", "options", "storage"),
    [
        ("zarr", "https://a/b", "XArrayDatasetReader", LAZY | {"engine": "zarr"}, None),
        ("kerchunk", "https://a/b", "XArrayDatasetReader", LAZY | {"engine": "kerchunk"}, None),
        ("parquet", "s3://a/b", "PandasParquet", {}, {"anon": True}),
        ("netcdf", "s3://a/b", "XArrayDatasetReader", LAZY | {"engine": None}, {"anon": True}),
        ("icechunk", "gs://a/b", "XArrayDatasetReader", LAZY | {"engine": "zarr"}, REPOSITORY),
    ],
)
def test_every_dataset_type_has_a_driver(app, client, dataset_type, url, reader, options, storage):
    run = make_run(app, **PUBLISHED | {"dataset_type": dataset_type, "dataset_public_url": url})
    entry = catalog(client)[str(run.id)]
    data = entry.kwargs.pop("args")[0]
    assert (type(entry).__name__, entry.kwargs) == (reader, options)
    assert (data.url, data.storage_options) == (url if dataset_type != "icechunk" else "gcs_storage", storage)


@pytest.mark.parametrize(
    ("dataset_type", "found", "options"),
    [
        ("zarr", {"consolidated": False}, {"engine": "zarr", "consolidated": False}),
        ("zarr", {"consolidated": True}, {"engine": "zarr", "consolidated": True}),
        ("zarr", {"engine": "h5netcdf"}, {"engine": "h5netcdf"}),
        ("netcdf", {"engine": "scipy"}, {"engine": "scipy"}),
        (None, {"engine": "kerchunk"}, {"engine": "kerchunk"}),
    ],
)
def test_an_entry_follows_what_an_inspection_has_found(app, client, dataset_type, found, options):
    run = make_run(app, **PUBLISHED | {"dataset_type": dataset_type})
    make_description(app, id=run.id, **found)
    entry = catalog(client)[str(run.id)]
    entry.kwargs.pop("args")
    assert entry.kwargs == LAZY | options


@pytest.mark.parametrize("columns", [{"dataset_type": None}, {"dataset_type": "grib"}, {"is_test": True}])
def test_the_catalogue_omits_tests_and_datasets_of_unknown_type(app, client, columns):
    make_run(app, **PUBLISHED | columns)
    assert len(catalog(client).entries) == 0


def test_a_withdrawn_dataset_keeps_its_entry_without_an_alias(app, client, writer):
    run = make_run(app, **PUBLISHED)
    assert list(catalog(client).aliases)
    assert writer.patch(f"/recipe_runs/{run.id}", json={"dataset_public_url": None}).status_code == 200
    found = catalog(client)
    assert found[str(run.id)].metadata["withdrawn"]
    assert list(found.aliases) == []


def test_the_id_of_a_merged_dataset_leads_to_the_data_of_the_other_one(app, client):
    dataset = make_link(app)
    merged = make_link(app, merged_into=dataset.id)
    found = catalog(client)
    assert found[str(merged.id)].kwargs["args"][0].url == dataset.url
    assert list(found.aliases.values()) == [str(dataset.id)]


def test_no_two_datasets_have_the_same_alias(app, client):
    numbers = {spec: make_feedstock(app, spec=spec).id for spec in ("a", "a/b", "a/b/c", "e")}
    for spec, recipe in (("a", "b/c"), ("a/b", "c"), ("a/b/c", "d"), ("a/b", "c/d"), ("e", "f")):
        make_link(app, feedstock_id=numbers[spec], recipe_id=recipe)
    assert list(catalog(client).aliases) == ["a/b/c.zarr", "a/b/c/d.zarr", "e/f.zarr"]
    repeated = orjson.loads(client.get("/catalog.yaml").data)["aliases"]
    assert client.get("/catalog.yaml").text.count('.zarr":') == len(repeated)


def test_an_entry_has_the_title_of_its_dataset(app, client):
    dataset = make_link(app, title="Sea ice")
    assert catalog(client)[str(dataset.id)].metadata["title"] == "Sea ice"


@pytest.mark.parametrize("limit", [0, 10**6], ids=["through a file", "in memory"])
def test_a_catalogue_in_batches_has_the_same_bytes(app, client, monkeypatch, limit):
    feedstock, bakery = make_feedstock(app).id, make_bakery(app).id
    for number in range(7):
        make_run(app, feedstock_id=feedstock, bakery_id=bakery, recipe_id=f"r{number}", **PUBLISHED)
    at_once = client.get("/catalog.yaml")
    monkeypatch.setattr(catalogue, "BATCH", 3)
    monkeypatch.setattr(documents, "IN_MEMORY", limit)
    monkeypatch.setattr(catalogue_form, "SPOOLED", 10)
    monkeypatch.setattr(catalogue_form, "BLOCK", 100)
    pauses = []
    monkeypatch.setattr(catalogue_form, "let_others_run", lambda: pauses.append(1))
    in_batches = client.get("/catalog.yaml", buffered=True)
    assert len(pauses) > len(at_once.data) / 3 / catalogue_form.BLOCK
    assert (in_batches.data, in_batches.headers["ETag"]) == (at_once.data, at_once.headers["ETag"])
    assert (in_batches.content_length, len(in_batches.data)) == (at_once.content_length, at_once.content_length)


@pytest.mark.parametrize("text", HOSTILE)
def test_intake_reads_any_name_and_url_unchanged(app, client, text):
    feedstock = make_feedstock(app, spec=text)
    run = make_run(app, feedstock_id=feedstock.id, recipe_id=text, **PUBLISHED | {"dataset_public_url": text})
    entry = catalog(client)[str(run.id)]
    assert (entry.kwargs["args"][0].url, entry.metadata["recipe_id"]) == (text, text)


@pytest.mark.parametrize(
    ("text", "readable"),
    [("ü☂", True), ("x" * 255, True), ('a"b\\c', True), ("a\nb", False), ("\x01" * 255, False), ('"' * 255, False)],
)
def test_a_readable_recipe_id_names_its_dataset(app, client, text, readable):
    feedstock = make_feedstock(app, spec=text)
    make_run(app, feedstock_id=feedstock.id, recipe_id=text, **PUBLISHED)
    assert list(catalog(client).aliases) == [f"{text}/{text}.zarr"] * readable


@pytest.mark.parametrize("url", ["{env(SECRET)}", "https://a/{env(SECRET)}/{x}", "{func(os:getcwd)}", "{{x}", "}{"])
def test_intake_fills_no_secrets_into_a_url(app, client, monkeypatch, url):
    monkeypatch.setenv("SECRET", "a secret")
    run = make_run(app, **PUBLISHED | {"dataset_public_url": url})
    assert catalog(client)[str(run.id)].kwargs["args"][0].url == url


def test_two_datasets_with_the_same_name_are_both_in_the_catalogue(app, client):
    runs = [
        make_run(app, feedstock_id=make_feedstock(app, spec=spec).id, recipe_id=recipe, **PUBLISHED)
        for spec, recipe in (("a", "b/c"), ("a/b", "c"))
    ]
    assert set(catalog(client).entries) == {str(run.id) for run in runs}
