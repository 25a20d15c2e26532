"""Our code, client, Intake catalogue and STAC API open a store of each type, which a server on loopback has."""

import json
from types import SimpleNamespace

import fsspec
import icechunk
import intake
import pystac
import pytest
import xarray
import yaml

from tests.support import buckets
from tests.support.factories import make_description, make_link

MEAN = pytest.approx(float(buckets.globe()["sst"].mean()))
STORES = {
    "zarr 2": ("zarr", "bucket/v2.zarr", {"engine": "zarr", "zarr_format": 2, "consolidated": True}),
    "zarr 3": ("zarr", "bucket/v3.zarr", {"engine": "zarr", "zarr_format": 3, "consolidated": True}),
    "zarr, not inspected": ("zarr", "bucket/v2.zarr", None),
    "kerchunk": ("kerchunk", "bucket/references.json", {"engine": "kerchunk"}),
    "netcdf": ("netcdf", "bucket/file.nc", {"engine": "h5netcdf"}),
    "netcdf, not inspected": ("netcdf", "bucket/file.nc", None),
    "netcdf that runs call zarr": ("zarr", "bucket/file.nc", {"engine": "h5netcdf"}),
    "icechunk": ("icechunk", "bucket/repository", {"engine": "icechunk"}),
}


@pytest.fixture(scope="module")
def stores(tmp_path_factory):
    """The url of a server with the same data in each type of store, and the snapshot of the Icechunk repository."""
    folder = tmp_path_factory.mktemp("stores")
    (folder / "bucket").mkdir()
    globe = buckets.globe()
    globe.to_zarr(folder / "bucket/v2.zarr", zarr_format=2, consolidated=True)
    with pytest.warns(UserWarning, match="Consolidated metadata"):
        globe.to_zarr(folder / "bucket/v3.zarr", zarr_format=3, consolidated=True)
    globe.to_netcdf(folder / "bucket/file.nc", engine="h5netcdf")
    buckets.table().to_parquet(folder / "bucket/table.parquet")
    repository = icechunk.Repository.create(icechunk.local_filesystem_storage(str(folder / "bucket/repository")))
    session = repository.writable_session("main")
    globe.to_zarr(session.store, zarr_format=3, consolidated=False)
    snapshot = session.commit("First")
    with buckets.server(folder) as server:
        (folder / "bucket/references.json").write_text(references(folder / "bucket/v2.zarr", server.url))
        yield SimpleNamespace(url=server.url, snapshot=snapshot)


def references(store, url):
    """Kerchunk references to a Zarr store: its metadata are in them, and its chunks elsewhere."""
    files = [file for file in store.rglob("*") if file.is_file() and file.name != ".zmetadata"]
    keys = {str(file.relative_to(store)): file for file in files}
    refs = {
        key: file.read_text() if file.name.startswith(".z") else [f"{url}/bucket/v2.zarr/{key}"]
        for key, file in keys.items()
    }
    return json.dumps({"version": 1, "refs": refs})


@pytest.fixture(params=STORES)
def dataset(request, app, stores):
    dataset_type, path, found = STORES[request.param]
    link = make_link(app, dataset_type=dataset_type, url=f"{stores.url}/{path}")
    if found:
        make_description(app, id=link.id, **{"zarr_format": None} | found)
    return link


def run(snippet):
    """Run the code, and return what it has opened."""
    names = {}
    exec(snippet, names)
    return names.get("ds", names.get("df"))


def test_our_code_opens_it(client, dataset):
    opened = run(client.get(f"/datasets/{dataset.id}").json["snippet"])
    assert float(opened["sst"].mean()) == MEAN


def test_our_client_opens_it(forge, dataset):
    assert float(forge.datasets.get(dataset.id).open(chunks=None)["sst"].mean()) == MEAN


def test_intake_opens_it(client, dataset):
    catalogue = intake.readers.entry.Catalog.from_dict(yaml.safe_load(client.get("/catalog.yaml").data))
    assert float(catalogue[str(dataset.id)].read()["sst"].mean()) == MEAN


def data_asset(client, dataset):
    collection = pystac.Collection.from_dict(client.get(f"/stac/collections/{dataset.id}").json)
    [asset] = [asset for asset in collection.assets.values() if "data" in asset.roles]
    return asset


# xpystac 0.5.0 does not open NetCDF, and Icechunk only in buckets of AWS.
@pytest.mark.parametrize("dataset", [name for name in STORES if name.startswith(("zarr", "kerchunk"))], indirect=True)
def test_xpystac_opens_it(client, dataset):
    assert float(xarray.open_dataset(data_asset(client, dataset), engine="stac")["sst"].mean()) == MEAN


@pytest.mark.parametrize("dataset", [name for name in STORES if name.startswith("netcdf")], indirect=True)
def test_the_options_in_stac_open_a_netcdf_file(client, dataset):
    asset = data_asset(client, dataset)
    with (
        fsspec.open(asset.href) as file,
        xarray.open_dataset(file, **asset.extra_fields.get("xarray:open_kwargs", {})) as opened,
    ):
        assert (asset.media_type, float(opened["sst"].mean())) == (pystac.MediaType.NETCDF, MEAN)


def test_our_code_opens_a_snapshot_of_icechunk(app, client, stores):
    url = f"{stores.url}/bucket/repository"
    link = make_link(app, dataset_type="icechunk", url=url, snapshot_id=stores.snapshot)
    snippet = client.get(f"/datasets/{link.id}").json["snippet"]
    assert f"snapshot_id={stores.snapshot!r}" in snippet
    assert float(run(snippet)["sst"].mean()) == MEAN


def test_our_client_opens_a_snapshot_of_icechunk_and_a_table(app, forge, stores):
    url = f"{stores.url}/bucket"
    snapshot = make_link(app, dataset_type="icechunk", url=f"{url}/repository", snapshot_id=stores.snapshot)
    table = make_link(app, dataset_type="parquet", url=f"{url}/table.parquet")
    assert float(forge.datasets.get(snapshot.id).open()["sst"].mean()) == MEAN
    assert len(forge.datasets.get(table.id).open()) == 50


def test_our_code_and_intake_open_a_table(app, client, stores):
    link = make_link(app, dataset_type="parquet", url=f"{stores.url}/bucket/table.parquet")
    catalogue = intake.readers.entry.Catalog.from_dict(yaml.safe_load(client.get("/catalog.yaml").data))
    tables = (run(client.get(f"/datasets/{link.id}").json["snippet"]), catalogue[str(link.id)].read())
    assert [len(table) for table in tables] == [50, 50]
