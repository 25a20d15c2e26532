"""`flask feedstocks describe`, `describe-all` and `flask datasets import`."""

import json

import pytest

from tests.support.factories import make_feedstock, make_metadata, make_run
from tests.support.feedstock_files import CATALOG, FEDERATION, FEEDSTOCKS, META, entry, needs_data, store

PUBLISHED = {"status": "completed", "conclusion": "success", "dataset_public_url": "https://data.org/old.zarr"}


def run(app, *arguments):
    return app.test_cli_runner().invoke(args=list(map(str, arguments)))


@pytest.fixture
def files(tmp_path):
    """A folder with the files of the feedstock `leap-stc/sst_feedstock`, as a checkout has them."""
    folder = tmp_path / "leap-stc" / "sst_feedstock" / "feedstock"
    folder.mkdir(parents=True)
    (folder / "meta.yaml").write_text(META)
    (folder / "catalog.yaml").write_text(CATALOG)
    return folder


@pytest.fixture
def imported(app, tmp_path):
    """A function that imports entries and returns the result of the command."""

    def load(*entries):
        (tmp_path / "catalogue.json").write_text(json.dumps(entries))
        return run(app, "datasets", "import", tmp_path / "catalogue.json")

    return load


def test_describe_takes_the_files_of_a_feedstock(app, client, files):
    feedstock = make_feedstock(app, spec="leap-stc/sst_feedstock")
    result = run(app, "feedstocks", "describe", feedstock.id, files / "meta.yaml", files / "catalog.yaml")
    assert (result.exit_code, result.stdout) == (0, "[1/1] leap-stc/sst_feedstock: exists, described\n")
    assert "stores: are not metadata" in result.stderr
    metadata = client.get(f"/feedstocks/{feedstock.id}/metadata").json
    assert (metadata["title"], metadata["keywords"]) == ("Sea surface temperature", ["ocean", "sst"])


def test_describe_takes_a_checkout_and_a_name_that_is_new(app, client, files):
    result = run(app, "feedstocks", "describe", "https://github.com/leap-stc/sst_feedstock", files.parent, "--datasets")
    assert result.stdout == "[1/1] leap-stc/sst_feedstock: created, described; datasets: 1 added\n"
    (dataset,) = client.get("/datasets/").json
    assert (dataset["recipe_id"], dataset["url"]) == ("sst", "gs://leap-persistent/sst.zarr")


def test_describe_all_takes_a_folder_of_feedstocks_and_a_repetition_changes_nothing(app, files):
    folder = files.parents[2]
    (folder / "a" / "b").mkdir(parents=True)
    (folder / "a" / "b" / "meta.yaml").write_text("title: [")
    first, second = (run(app, "feedstocks", "describe-all", folder) for _ in range(2))
    assert first.stdout.startswith(f"[1/2] a/b: ignored: {folder}/a/b/meta.yaml: This is not valid YAML")
    assert first.stdout.endswith("[2/2] leap-stc/sst_feedstock: created, described\n")
    assert second.stdout.endswith("[2/2] leap-stc/sst_feedstock: exists, same metadata\n")
    assert first.exit_code == second.exit_code == 1


@pytest.mark.parametrize(
    ("feedstock", "sentence"),
    [("99999", "feedstock 99999 not found"), ("a b/c", "a b/c is not a repository on GitHub")],
)
def test_describe_of_no_feedstock_prints_a_sentence(app, files, feedstock, sentence):
    result = run(app, "feedstocks", "describe", feedstock, files)
    assert (result.exit_code, sentence in result.stderr) == (1, True)


def test_describe_of_a_folder_without_files_prints_a_sentence(app, tmp_path):
    result = run(app, "feedstocks", "describe", "a/b", tmp_path)
    assert result.stderr == f"Error: There is no meta.yaml or catalog.yaml in {tmp_path}.\n"


def test_an_import_makes_the_feedstock_its_metadata_and_its_datasets(client, imported):
    result = imported(entry(stores=[store(), store(id="b", name=None, url="s3://bucket/b.zarr/")]))
    assert result.stdout == (
        "[1/1] leap-stc/sst_feedstock: created, described; datasets: 2 added\n"
        "1 entries. Datasets: 2 added, 0 changed, 0 unchanged.\n"
    )
    (feedstock,) = client.get("/feedstocks/?spec=leap-stc/sst_feedstock").json
    assert client.get(f"/feedstocks/{feedstock['id']}/metadata").json["license_text"] == "CC BY"
    datasets = client.get("/datasets/?order_by=id&sort=asc").json
    assert [(each["recipe_id"], each["dataset_type"], each["title"], each["url"]) for each in datasets] == [
        ("sst", "zarr", "SST, daily", "https://data.org/sst.zarr"),
        ("b", "zarr", "Sea surface temperature", "s3://bucket/b.zarr/"),
    ]


def test_a_second_import_changes_nothing(admin, imported):
    imported(entry())
    paths = ("/datasets/", "/audit", "/feedstocks/")
    before = [admin.get(path).json for path in paths]
    assert imported(entry()).stdout.endswith("1 entries. Datasets: 0 added, 0 changed, 1 unchanged.\n")
    assert [admin.get(path).json for path in paths] == before


def test_what_an_import_writes_is_in_the_audit_log(admin, imported):
    imported(entry())
    imported(entry(title="Other", stores=[store(url="https://data.org/new.zarr")]))
    entries = admin.get("/audit?sort=asc").json
    assert [(each["actor"], each["resource"], each["action"]) for each in entries] == [
        ("system", "feedstocks", "create_feedstock"),
        ("system", "feedstock_metadata", "put_feedstock_metadata"),
        ("system", "datasets", "create_dataset"),
        ("system", "feedstock_metadata", "put_feedstock_metadata"),
        ("system", "datasets", "update_dataset"),
    ]


def test_a_changed_store_changes_its_dataset_which_keeps_its_id(client, imported):
    imported(entry())
    (before,) = client.get("/datasets/").json
    result = imported(entry(stores=[store(url="https://data.org/new.zarr", name="SST")]))
    assert "datasets: 1 changed" in result.stdout
    (after,) = client.get("/datasets/").json
    assert (after["id"], after["url"], after["title"]) == (before["id"], "https://data.org/new.zarr", "SST")


def test_the_url_of_a_dataset_that_runs_have_built_stays(app, client, imported):
    feedstock = make_feedstock(app, spec="leap-stc/sst_feedstock")
    built = make_run(app, feedstock_id=feedstock.id, recipe_id="sst", dataset_type="zarr", **PUBLISHED)
    result = imported(entry())
    assert f"stores[0].url: dataset {built.id} was built by recipe run {built.id}; its url stays" in result.stderr
    (dataset,) = client.get("/datasets/").json
    assert (dataset["url"], dataset["title"]) == ("https://data.org/old.zarr", "SST, daily")


@pytest.mark.parametrize(
    ("url", "engine", "dataset_type"),
    [
        ("https://data.org/a.nc", "zarr", "netcdf"),
        ("https://data.org/a.NC?x=y#z", None, "netcdf"),
        ("gs://cmip6/control/surface", "zarr", "zarr"),
        ("gs://a/b.zarr-v3", None, "zarr"),
        ("https://data.org/a.zarr/", "kerchunk", "zarr"),
        ("https://data.org/a.json", "kerchunk", "kerchunk"),
        ("https://data.org/a", "h5netcdf", "netcdf"),
        ("https://data.org/a", None, None),
    ],
)
def test_the_name_of_a_file_tells_its_type_more_than_a_label(client, imported, url, engine, dataset_type):
    result = imported(entry(stores=[store(url=url, xarray_open_kwargs={"engine": engine} if engine else None)]))
    (dataset,) = client.get("/datasets/").json
    assert dataset["dataset_type"] == dataset_type
    contradicts = (engine, dataset_type) in (("zarr", "netcdf"), ("kerchunk", "zarr"))
    assert (f"its type is {dataset_type}" in result.stderr) == contradicts


def test_a_dataset_that_is_not_public_is_kept_and_says_so(client, imported):
    result = imported(entry(stores=[store(public=False, description="Weekly.")]))
    assert "stores[0].public: is false; the dataset is kept, and its description says so" in result.stderr
    (dataset,) = client.get("/datasets/").json
    assert dataset["description"] == "Weekly.\n\nThe catalogue that lists it says that it is not public."


@pytest.mark.parametrize(
    ("fields", "note"),
    [
        ({"url": None}, "stores[0].url: is missing; the dataset is ignored"),
        ({"url": "/data/sst.zarr"}, "stores[0].url: is not a URL; the dataset is ignored"),
        ({"url": "javascript://a/%0aalert(1)"}, "stores[0].url: is a script; the dataset is ignored"),
        ({"url": "https://u:p@a.org/b"}, "stores[0].url: contains a user or a password, and everyone could read it"),
        ({"url": ["a"]}, "stores[0].url: is not a text; ignored"),
        ({"id": None, "name": ""}, "stores[0].id: must be 1 to 255 characters; the dataset is ignored"),
        ({"id": "x" * 300}, "stores[0].id: must be 1 to 255 characters; the dataset is ignored"),
        ({"last_updated": "2024-11-19"}, "stores[0].last_updated: is not kept"),
        ({"colour": "blue"}, "stores[0].colour: is not a field of the catalogue; ignored"),
    ],
)
def test_what_is_unusable_of_a_store_is_said_and_the_other_stores_are_taken(client, imported, fields, note):
    result = imported(entry(stores=[store(**fields), store(id="good")]))
    assert (result.exit_code, note in result.stderr) == (0, True)
    assert "good" in [dataset["recipe_id"] for dataset in client.get("/datasets/").json]


def test_two_stores_with_one_id_are_one_dataset(client, imported):
    result = imported(entry(stores=[store(), store(url="https://data.org/other.zarr")]))
    assert "stores[1]: has the id of another store; ignored" in result.stderr
    assert [dataset["url"] for dataset in client.get("/datasets/").json] == ["https://data.org/sst.zarr"]


def test_of_two_entries_about_one_feedstock_the_first_describes_it(client, imported):
    other = entry("SST_feedstock", title="Other", stores=[store(id="other")])
    for _ in range(2):
        result = imported(entry(), other)
        assert "another entry describes this feedstock; only the stores are taken" in result.stderr
    assert result.stdout.endswith("2 entries. Datasets: 0 added, 0 changed, 2 unchanged.\n")
    (feedstock,) = client.get("/feedstocks/").json
    assert client.get(f"/feedstocks/{feedstock['id']}/metadata").json["title"] == "Sea surface temperature"


@pytest.mark.parametrize("url", [None, "https://gitlab.com/a/b/meta.yaml", "https://github.com/a", 7, ["x"]])
def test_an_entry_without_a_feedstock_is_ignored_and_the_others_are_taken(client, imported, url):
    result = imported(entry() | {"ncviewjs:meta_yaml_url": url}, "no object", entry())
    assert result.exit_code == 1
    assert "ncviewjs:meta_yaml_url: does not name a repository on GitHub" in result.stderr
    assert result.stderr.endswith("Error: 2 of 3 entries were ignored.\n")
    assert len(client.get("/datasets/").json) == 1


@pytest.mark.parametrize("content", [b"", b"{", b"[\xff]", b'["\\ud800"]', b"[" * 100_000])
def test_a_file_that_is_not_json_prints_a_sentence(app, tmp_path, content):
    (tmp_path / "a.json").write_bytes(content)
    result = run(app, "datasets", "import", tmp_path / "a.json")
    assert (result.exit_code, result.stderr.startswith("Error: ")) == (1, True)
    assert run(app, "datasets", "import", tmp_path / "none.json").stderr.endswith(
        "none.json: No such file or directory.\n"
    )


def test_an_import_replaces_the_metadata_that_a_feedstock_had(app, client, imported):
    feedstock = make_feedstock(app, spec="leap-stc/sst_feedstock")
    make_metadata(app, feedstock_id=feedstock.id, citation="Old.")
    assert "exists, described" in imported(entry()).stdout
    assert client.get(f"/feedstocks/{feedstock.id}/metadata").json["citation"] is None


@needs_data
def test_a_real_federation_is_imported_and_a_second_import_changes_nothing(app, client):
    first, second = (run(app, "datasets", "import", FEDERATION) for _ in range(2))
    assert first.stdout.endswith("32 entries. Datasets: 83 added, 0 changed, 0 unchanged.\n")
    assert second.stdout.endswith("32 entries. Datasets: 0 added, 0 changed, 83 unchanged.\n")
    assert first.stderr.count(".public: is false") == 56
    assert first.stderr.count("its type is netcdf") == 42
    types = [dataset["dataset_type"] for dataset in client.get("/datasets/?limit=1000").json]
    assert (types.count("netcdf"), types.count("zarr")) == (42, 41)


@needs_data
def test_real_feedstocks_are_described(app, client):
    result = run(app, "feedstocks", "describe-all", FEEDSTOCKS, "--datasets")
    assert (result.exit_code, result.stdout.count("created, described")) == (0, 24)
    (feedstock,) = client.get("/feedstocks/?spec=pangeo-forge/HadISST-feedstock").json
    assert client.get(f"/feedstocks/{feedstock['id']}/metadata").json["license"] == "NCGL-UK-2.0"
