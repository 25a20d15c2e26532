"""What the program finds in real stores of each type on loopback."""

import json
import warnings
from base64 import b64decode
from functools import cache
from io import BytesIO

import fsspec
import icechunk
import numpy
import pytest
import xarray
import zarr
from fsspec.implementations.reference import LazyReferenceMapper
from PIL import Image
from zarr.errors import ZarrUserWarning

from app.repr import inspector, process
from app.schemas.dataset_inspections import FindingsSchema
from app.services.health import UNOPENED
from tests.support import buckets, forked, live

FACTS = ("engine", "zarr_format", "consolidated")
EDGES = ("west", "south", "east", "north")
RECORD_SIZE = {"zarr_format": 3, "node_type": "group", "attributes": {}, "record_size": 1}
RECORD_SIZE |= {"consolidated_metadata": {"kind": "inline", "must_understand": False, "metadata": {}}}
BBOX = [-180.0, -85.0, 180.0, 85.0]


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    folder = tmp_path_factory.mktemp("buckets")
    (folder / "open").mkdir()
    (folder / "closed").mkdir()
    with buckets.server(folder) as server:
        write_stores(folder / "open", server.url)
        write_stores(folder / "closed", server.url)
        yield server


def write_stores(folder, url):
    globe = buckets.globe()
    with warnings.catch_warnings():
        # The specification of Zarr 3 does not have consolidated metadata yet.
        warnings.simplefilter("ignore", ZarrUserWarning)
        for version in (2, 3):
            for consolidated in (True, False):
                name = f"v{version}{'' if consolidated else '-plain'}.zarr"
                globe.to_zarr(folder / name, zarr_format=version, consolidated=consolidated)
                groups = xarray.DataTree.from_dict({"/surface": globe, "/deep": globe})
                groups.to_zarr(folder / f"groups-{name}", zarr_format=version, consolidated=consolidated)
    empty = buckets.globe(times=0)
    empty.to_zarr(folder / "no-times.zarr", zarr_format=2, consolidated=True)
    missing = globe.assign(sst=globe.sst * numpy.nan)
    missing.to_zarr(folder / "missing.zarr", zarr_format=2, consolidated=True, write_empty_chunks=True)
    (folder / "record-size.zarr").mkdir()
    (folder / "record-size.zarr/zarr.json").write_text(json.dumps(RECORD_SIZE))
    xarray.Dataset(attrs={"title": "x"}).to_zarr(folder / "nothing.zarr", zarr_format=2, consolidated=True)
    globe.to_netcdf(folder / "globe.nc", engine="h5netcdf", encoding={"sst": {"zlib": True, "chunksizes": (1, 18, 36)}})
    globe.to_netcdf(folder / "globe3.nc", engine="scipy", format="NETCDF3_CLASSIC")
    globe.to_netcdf(folder / "records.nc", engine="scipy", format="NETCDF3_64BIT", unlimited_dims=["time"])
    buckets.table().to_parquet(folder / "table.parquet")
    write_repository(folder, globe)
    write_broken(folder, globe)
    write_references(folder, f"{url}/{folder.name}/v2.zarr")


def write_repository(folder, globe):
    storage = icechunk.local_filesystem_storage(str(folder / "globe.icechunk"))
    commit(icechunk.Repository.create(storage), globe)


def write_broken(folder, globe):
    """Write stores that a client cannot open, though some of what they have can be read."""
    icechunk.Repository.create(icechunk.local_filesystem_storage(str(folder / "empty.icechunk")))
    netcdf = (folder / "globe.nc").read_bytes()
    (folder / "half.nc").write_bytes(netcdf[: len(netcdf) // 2])
    groups = xarray.DataTree.from_dict({"/surface": globe, "/deep": globe})
    groups.to_netcdf(folder / "groups.nc", engine="h5netcdf")
    months = {"units": "months since 1990-01-01"}
    xarray.Dataset({"a": ("time", [1.0])}, {"time": ("time", [0.5], months)}).to_zarr(
        folder / "months.zarr", zarr_format=2, consolidated=True
    )
    zarr.save_array(str(folder / "array.zarr"), numpy.zeros(3), zarr_format=2)


def commit(repository, globe):
    """The id of a new snapshot, which has this dataset alone."""
    session = repository.writable_session("main")
    globe.to_zarr(session.store, zarr_format=3, consolidated=False, mode="w")
    return session.commit("The globe.")


def write_references(folder, url):
    refs = {}
    for file in (folder / "v2.zarr").rglob("*"):
        key = str(file.relative_to(folder / "v2.zarr"))
        if file.is_file() and key != ".zmetadata":
            is_chunk = not file.name.startswith(".z")
            refs[key] = [f"{url}/{key}", 0, file.stat().st_size] if is_chunk else file.read_text()
    (folder / "references.json").write_text(json.dumps({"version": 1, "refs": refs}))
    partitions = LazyReferenceMapper.create(
        str(folder / "references.parq"), fs=fsspec.filesystem("file"), record_size=2, engine="pyarrow"
    )
    for key, reference in sorted(refs.items(), key=lambda item: isinstance(item[1], list)):  # first the metadata
        partitions[key] = reference if isinstance(reference, list) else reference.encode()
    partitions.flush()


@cache
def inspected(url, kind, trusted):
    with forked.programs():
        return inspector.inspect(url, kind, trusted, live.PATIENCE)


def inspect(served, path, kind="zarr", trusted=True):
    return inspected(f"{served.url}/{path}", kind, trusted)


@pytest.mark.parametrize(
    ("path", "kind", "facts"),
    [
        ("open/v2.zarr", "zarr", ("zarr", 2, True)),
        ("open/v3.zarr", "zarr", ("zarr", 3, True)),
        ("open/v2-plain.zarr", "zarr", ("zarr", 2, False)),
        ("open/v3-plain.zarr", "zarr", ("zarr", 3, False)),
        ("open/references.json", "kerchunk", ("kerchunk", 2, None)),
        ("open/globe.nc", "netcdf", ("h5netcdf", None, None)),
        ("open/globe3.nc", "netcdf", ("scipy", None, None)),
        ("open/records.nc", "netcdf", ("scipy", None, None)),
        ("open/references.parq", "kerchunk", ("kerchunk", 2, None)),
        ("open/globe.icechunk", "icechunk", ("icechunk", 3, None)),
    ],
)
def test_each_type_of_store_has_the_same_description(served, path, kind, facts):
    found = inspect(served, path, kind)
    description = found.results["description"]
    assert FindingsSchema().validate(found.results) == {}
    assert (found.kind, found.error, tuple(description[name] for name in FACTS)) == (kind, None, facts)
    assert ([description[name] for name in EDGES], description["dimensions"]) == (
        BBOX,
        {"time": 3, "lat": 18, "lon": 36},
    )
    ends = [description[name] for name in ("time_start", "time_end", "time_step")]
    assert ends == ["2000-01-01T00:00:00", "2000-01-03T00:00:00", 86400.0]
    assert description["attributes"] == {"title": "Sea surface", "version": 2}
    variable = description["variables"]["sst"]
    assert (variable["dimensions"], variable["shape"]) == (["time", "lat", "lon"], [3, 18, 36])
    assert (variable["units"], variable["standard_name"]) == ("degC", "sea_surface_temperature")
    variables = description["variables"].items()
    assert {name for name, item in variables if item["coordinate"]} == {"lat", "lon", "time"}


def test_a_table_is_described_by_its_footer(served):
    found = inspect(served, "open/table.parquet", "parquet").results
    assert FindingsSchema().validate(found) == {}
    description = found["description"]
    assert (description["dimensions"], list(description["variables"])) == ({"row": 50}, ["time", "lat", "lon", "name"])
    assert ([description[name] for name in EDGES], description["engine"]) == ([10.0, -3.0, 20.0, 4.0], "parquet")
    assert (description["time_start"], description["time_end"]) == ("2020-01-01T00:00:00", "2020-02-19T00:00:00")


@pytest.mark.parametrize(
    ("path", "listed_as", "kind"),
    [
        ("open/globe.nc", "zarr", "netcdf"),
        ("open/v2.zarr", "netcdf", "zarr"),
        ("open/table.parquet", "netcdf", "parquet"),
        ("open/references.json", "zarr", "kerchunk"),
        ("open/v3.zarr", None, "zarr"),
        ("open/globe.icechunk", "zarr", "icechunk"),
    ],
)
def test_a_dataset_that_is_listed_as_another_type_is_opened(served, path, listed_as, kind):
    found = inspect(served, path, listed_as)
    assert (found.kind, found.error, "description" in found.results) == (kind, None, True)


def test_the_bytes_that_are_stored_are_those_of_all_objects(served):
    files = [file for file in (served.folder / "open/v2.zarr").rglob("*") if file.is_file()]
    stored = sum(file.stat().st_size for file in files)
    assert inspect(served, "open/v2.zarr").results["description"]["bytes_stored"] == stored
    assert inspect(served, "closed/v2.zarr").results["description"]["bytes_stored"] is None


@pytest.mark.parametrize("version", [2, 3])
def test_a_store_without_consolidated_metadata_that_cannot_be_listed_is_not_opened(served, version):
    found = inspect(served, f"closed/v{version}-plain.zarr")
    assert (found.error, found.results) == ("unlisted", {})


@pytest.mark.parametrize("path", ["v2.zarr", "v3.zarr", "v2-plain.zarr", "v3-plain.zarr"])
def test_variables_in_groups_are_not_missing(served, path):
    found = inspect(served, f"open/groups-{path}")
    assert (found.error, found.results) == ("groups", {})


@pytest.mark.parametrize(
    ("path", "kind", "error"),
    [
        ("half.nc", "netcdf", "truncated"),
        ("groups.nc", "netcdf", "groups"),
        ("empty.icechunk", "icechunk", "unreadable"),
        ("array.zarr", "zarr", "array"),
    ],
)
def test_what_a_client_cannot_open_is_not_opened_for_that_reason(served, path, kind, error):
    found = inspect(served, f"open/{path}", kind)
    assert (found.error, found.results) == (error, {})


def test_times_that_xarray_does_not_decode_are_named(served):
    assert inspect(served, "open/months.zarr").results["undecoded"] == ["time"]
    assert inspect(served, "open/v2.zarr").results["undecoded"] == []


def test_a_store_with_the_metadata_of_references_in_parquet_has_an_error_with_a_sentence(served):
    found = inspect(served, "open/record-size.zarr")
    assert (found.error, found.results) == ("parquet", {})
    assert found.error in UNOPENED


@pytest.mark.parametrize(
    ("path", "kind"),
    [("v2.zarr", "zarr"), ("references.json", "kerchunk"), ("globe.nc", "netcdf"), ("table.parquet", "parquet")],
)
def test_the_host_says_whether_web_pages_can_read(served, path, kind):
    assert inspect(served, f"open/{path}", kind).results["closed_hosts"] == []
    assert inspect(served, f"closed/{path}", kind).results["closed_hosts"] == [served.url]


@pytest.mark.parametrize(
    ("path", "samples"),
    [
        ("open/v2.zarr", {"chunks": 1, "missing": 0}),
        ("open/globe.nc", {"chunks": 3, "missing": 0}),
        ("open/records.nc", {"chunks": 3, "missing": 0}),
        ("open/references.parq", {"chunks": 1, "missing": 0}),
        ("open/globe.icechunk", {"chunks": 1, "missing": 0}),
        ("open/missing.zarr", {"chunks": 1, "missing": 1}),
        ("open/no-times.zarr", {"chunks": 0, "missing": 0}),
        ("open/nothing.zarr", {"chunks": 0, "missing": 0}),
    ],
)
def test_samples_say_whether_there_are_values(served, path, samples):
    assert inspect(served, path).results["samples"] == samples


def test_a_picture_has_the_values_of_the_first_variable_and_gaps(served):
    shown = inspect(served, "open/v2.zarr").results["picture"]
    picture = Image.open(BytesIO(b64decode(shown["png"])))
    assert shown["variable"] == "sst"
    assert (picture.format, picture.size) == ("PNG", (512, 256))
    alpha = numpy.asarray(picture.convert("RGBA"))[:, :, 3]
    rows, columns = numpy.nonzero(alpha == 0)
    assert {int(row) * 18 // 256 for row in rows} == {8, 9}  # of the field, from 10 degrees north to 10 south
    assert {int(column) * 36 // 512 for column in columns} == set(range(21, 27))  # from 30 to 90 degrees east


@pytest.mark.parametrize("path", ["open/missing.zarr", "open/no-times.zarr", "open/nothing.zarr"])
def test_a_dataset_without_values_has_no_picture(served, path):
    assert inspect(served, path).results["picture"] is None


@pytest.mark.parametrize("kind", ["zarr", "kerchunk", "netcdf", "parquet", "icechunk"])
def test_a_private_address_is_not_inspected_unless_it_is_trusted(served, kind):
    before = len(served.asked)
    assert inspect(served, "open/v2.zarr", kind, trusted=False).error == "private"
    assert len(served.asked) == before


@pytest.mark.parametrize(
    "url", ["file:///etc/passwd", "/etc/passwd", "abfs://a/b", "https://", "https://data.org:x/a", "http://[::1/a", ""]
)
def test_a_url_that_is_not_read_over_http_is_not_inspected(url):
    assert inspector.inspect(url, "zarr", True, 60).error == "scheme"
    assert not inspector.is_trusted(lambda _: True, url)


def test_a_snapshot_of_a_repository_is_inspected(served):
    storage = icechunk.local_filesystem_storage(str(served.folder / "open/commits.icechunk"))
    repository = icechunk.Repository.create(storage)
    first, second = (commit(repository, buckets.globe(times=times)) for times in (3, 1))
    url = f"{served.url}/open/commits.icechunk"
    with forked.programs():
        for asked, expected in ((None, (1, second)), (first, (3, first))):
            description = inspector.inspect(url, "icechunk", True, live.PATIENCE, asked).results["description"]
            assert (description["dimensions"]["time"], description["snapshot_id"]) == expected
        assert inspector.inspect(url, "icechunk", True, live.PATIENCE, "not a snapshot").error == "unreadable"


def test_what_libraries_print_is_not_a_result(served, monkeypatch):
    # Icechunk warns on standard output if the user `nobody`, whom the program becomes, may not read this folder.
    monkeypatch.setattr(process, "ENVIRONMENT", process.ENVIRONMENT | {"HOME": "/root"})
    found = inspector.inspect(f"{served.url}/open/globe.icechunk", "icechunk", True, live.PATIENCE)
    assert (found.kind, found.error) == ("icechunk", None)


def test_a_type_whose_packages_are_missing_is_not_inspected(served, monkeypatch):
    monkeypatch.setattr(inspector, "find_spec", lambda name: name != "pyfive")
    found = inspector.inspect(f"{served.url}/open/globe.nc", "netcdf", True, live.PATIENCE)
    assert (found.error, found.results) == ("unsupported", {})


@pytest.fixture
def program(monkeypatch, tmp_path):
    """Runs a program that prints `output` instead of ours, and returns what it found."""

    def run(output, after="", seconds=60):
        (tmp_path / "program.py").write_text(f"import time; print({output!r}, end='', flush=True); {after}")
        monkeypatch.setattr(inspector.opener, "PROGRAM", tmp_path / "program.py")
        return inspector.inspect("https://data.org/a.zarr", "zarr", True, seconds)

    return run


def test_an_inspection_that_is_ended_keeps_what_it_found(program):
    found = program('{"description": {"engine": "zarr"}}\n{"samples"', "time.sleep(60)", seconds=3)
    assert (found.error, found.results) == ("late", {"description": {"engine": "zarr"}})


@pytest.mark.parametrize(
    "output", ["not JSON", "7", "[1]", "[[1, 2]]", '{"a": NaN}', '{"a": "\\ud800"}', "[" * 10**5, '{"kind": "zarr"}\n7']
)
def test_output_that_is_no_objects_is_a_crash(program, output):
    found = program(f"{output}\n")
    assert (found.kind, found.error, found.results) == ("zarr", "crashed", {})


@pytest.mark.parametrize(
    ("output", "error", "results"),
    [
        ('{"kind": "surprise"}', None, {"kind": "surprise"}),
        ('{"kind": ["zarr"]}', None, {"kind": ["zarr"]}),
        ('{"description": 7}', None, {"description": 7}),
        ('{"description": {"engine": []}}', None, {"description": {"engine": []}}),
        ('{"error": ["large"]}', "['large']", {}),
    ],
)
def test_an_unknown_type_or_error_is_left_to_the_caller(program, output, error, results):
    found = program(f"{output}\n")
    assert (found.kind, found.error, found.results) == ("zarr", error, results)
