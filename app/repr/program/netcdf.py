"""Opens NetCDF 4 files.

pyfive reads HDF5 in Python, so a hostile file meets no C library that it could crash or take over.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import h5netcdf
import xarray
from xarray.backends import H5NetCDFStore

from .description import Opened
from .files import remote_file
from .opening import LAZY
from .store import OtherKindError, StoreError


@contextmanager
def opened(url: str, trusted: bool, kind: str) -> Iterator[Opened]:
    """Yield the NetCDF file at `url`. Raises OtherKindError or StoreError."""
    with remote_file(url, trusted) as (file, reader):
        if file.start.startswith(b"CDF"):
            raise StoreError("classic")
        if not file.start.startswith(b"\x89HDF"):
            raise OtherKindError("zarr")
        below: Any = H5NetCDFStore(h5netcdf.File(reader, "r", backend="pyfive"))
        with xarray.open_dataset(below, **LAZY) as dataset:
            yield Opened(dataset, "h5netcdf", [url], bytes_stored=file.size)
