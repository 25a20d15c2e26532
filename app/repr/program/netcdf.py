"""Opens NetCDF files.

pyfive reads HDF5, the format of version 4, in Python, so a hostile file meets no C library that it could crash or take
over. Version 3 is opened as a Zarr store whose chunks are parts of the file.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import h5netcdf
import xarray
from xarray.backends import H5NetCDFStore

from .classic import Header, References
from .description import Opened
from .files import remote_file
from .opening import LAZY, lazily
from .store import OtherKindError, Store, named_errors


@contextmanager
def opened(url: str, trusted: bool, kind: str) -> Iterator[Opened]:
    """Yield the NetCDF file at `url`. Raises OtherKindError or StoreError."""
    with remote_file(url, trusted) as (file, reader):
        if file.start.startswith(b"\x89HDF"):
            below: Any = H5NetCDFStore(h5netcdf.File(reader, "r", backend="pyfive"))
            with xarray.open_dataset(below, **LAZY) as dataset:
                yield Opened(dataset, "h5netcdf", [url], bytes_stored=file.size)
            return
        if not file.start.startswith(b"CDF"):
            raise OtherKindError("zarr")
        references = References(url, Header(reader))
    store = Store(url, trusted, references)
    with named_errors(store), lazily(store) as dataset:
        yield Opened(dataset, "scipy", [url], bytes_stored=file.size)
