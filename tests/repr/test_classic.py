"""NetCDF 3 files, compared with what SciPy reads."""

import math
from io import BytesIO
from itertools import product

import numpy
import pytest
import xarray

from app.repr.program import classic
from app.repr.program.opening import LAZY
from app.repr.program.store import StoreError
from tests.support import buckets


def write(dataset, path, form="NETCDF3_CLASSIC", unlimited=()):
    dataset.to_netcdf(path, engine="scipy", format=form, unlimited_dims=unlimited)


def as_zarr(path):
    """The file as xarray reads it from a Zarr store with the chunks that the references lead to."""
    data, folder = path.read_bytes(), path.with_suffix(".zarr")
    header = classic.Header(BytesIO(data))
    references = classic.References("", header)
    content = {key: text.encode() for key, text in references.metadata.items()}
    for name, variable in header.variables.items():
        grid = [range(math.ceil(size / step)) for size, step in zip(variable.shape, variable.chunks, strict=True)]
        for place in product(*grid):
            key = f"{name}/{'.'.join(map(str, place or [0]))}"
            _, start, size = references.get(key)
            content[key] = data[start : start + size]
    for key, value in content.items():
        (folder / key).parent.mkdir(parents=True, exist_ok=True)
        (folder / key).write_bytes(value)
    return xarray.open_dataset(folder, engine="zarr", consolidated=True, **LAZY).load()


@pytest.mark.parametrize("form", ["NETCDF3_CLASSIC", "NETCDF3_64BIT"])
@pytest.mark.parametrize("unlimited", [[], ["time"]])
def test_all_values_and_attributes_are_those_of_scipy(tmp_path, monkeypatch, form, unlimited):
    monkeypatch.setattr(classic, "CHUNK", 5000)  # so that a variable has several chunks
    dataset = buckets.globe(times=5)
    dataset["names"] = ("time", numpy.array(["a", "bb", "ccc", "d", "e"]))
    dataset["flags"] = ("time", numpy.arange(5, dtype="i1"), {"_FillValue": numpy.int8(-1), "valid": [0, 1]})
    dataset["wide"] = (("lat", "x"), numpy.arange(18 * 600, dtype="i4").reshape(18, 600))
    dataset["scalar"] = 3.5
    write(dataset, tmp_path / "a.nc", form, unlimited)
    with xarray.open_dataset(tmp_path / "a.nc", engine="scipy", **LAZY) as expected:
        found = as_zarr(tmp_path / "a.nc")
        xarray.testing.assert_identical(found, expected.load())
    assert found["wide"].encoding["chunks"] == (2, 600)


def test_a_single_variable_of_records_has_no_padding(tmp_path):
    write(xarray.Dataset({"a": ("time", numpy.arange(7, dtype="i2"))}), tmp_path / "a.nc", unlimited=["time"])
    assert as_zarr(tmp_path / "a.nc")["a"].values.tolist() == [0, 1, 2, 3, 4, 5, 6]


@pytest.mark.parametrize("key", ["a/x", "b/0", "a", ".zarray", "a/0/.zarray"])
def test_a_key_that_is_not_in_the_file_leads_nowhere(tmp_path, key):
    write(xarray.Dataset({"a": ("time", numpy.arange(7, dtype="i2"))}), tmp_path / "a.nc")
    header = classic.Header(BytesIO((tmp_path / "a.nc").read_bytes()))
    assert classic.References("", header).get(key) is None


@pytest.mark.parametrize(
    "header", [b"", b"\0\0\0\0", b"\0\0\0\0\0\0\0\x0b\0\0\0\1", b"\0\0\0\0\0\0\0\x0a\xff\xff\xff\xff", b"\xff" * 64]
)
def test_a_header_that_is_cut_or_not_valid_is_refused(header):
    with pytest.raises(StoreError, match="unreadable"):
        classic.Header(BytesIO(b"CDF\1" + header))
