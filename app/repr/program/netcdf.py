"""Opens NetCDF files.

pyfive reads HDF5, the format of version 4, in Python, so a hostile file meets no C library that it could crash or take
over. Version 3 is opened as a Zarr store whose chunks are parts of the file.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from io import BufferedReader
from typing import Any

import h5netcdf
import xarray
from xarray.backends import H5NetCDFStore

from .classic import Header, References
from .description import Opened
from .files import remote_file
from .opening import LAZY, lazily
from .store import OtherKindError, Store, StoreError, named_errors


@contextmanager
def opened(url: str, trusted: bool, kind: str) -> Iterator[Opened]:
    """Yield the NetCDF file at `url`. Raises OtherKindError or StoreError."""
    with remote_file(url, trusted) as (file, reader):
        if file.start.startswith(b"\x89HDF"):
            if end_of_file(reader) > file.size:
                raise StoreError("truncated")
            hdf5 = h5netcdf.File(reader, "r", backend="pyfive")
            below: Any = H5NetCDFStore(hdf5)
            with xarray.open_dataset(below, **LAZY) as dataset:
                if not dataset.variables and hdf5.groups:
                    raise StoreError("groups")
                yield Opened(dataset, "h5netcdf", [url], bytes_stored=file.size)
            return
        if not file.start.startswith(b"CDF"):
            raise OtherKindError("zarr")
        references = References(url, Header(reader))
    store = Store(url, trusted, references)
    with named_errors(store), lazily(store) as dataset:
        yield Opened(dataset, "scipy", [url], bytes_stored=file.size)


def end_of_file(reader: BufferedReader) -> int:
    """Return where an HDF5 file ends by its superblock, in bytes (HDF5 File Format Specification, section II.A)."""
    reader.seek(0)
    head = reader.read(64)
    reader.seek(0)
    version = head[8]
    size, start = (head[9], 12) if version >= 2 else (head[13], 24 + 4 * version)
    third = start + 2 * size  # after the base address and one more
    return int.from_bytes(head[third : third + size], "little")
