"""Opens Kerchunk references in Parquet: one file has the references to some chunks of one array.

fsspec describes the format at `fsspec.implementations.reference.LazyReferenceMapper`, which opens any url.
"""

import asyncio
import json
import math
from collections.abc import Iterator
from contextlib import contextmanager
from functools import reduce
from io import BytesIO
from typing import Any

import pyarrow
import pyarrow.parquet

from .description import Opened
from .layout import read
from .opening import lazily
from .store import OtherKindError, Store, named_errors

FILES_MAX = 8  # in memory
COLUMNS = ("path", "offset", "size", "raw")


class Partitions:
    """The references by key. `store` reads the files below the url."""

    def __init__(self, document: dict[str, Any], store: Store) -> None:
        self.arrays, self.record_size, self.store = document["metadata"], int(document["record_size"]), store
        consolidated = {"zarr_consolidated_format": 1, "metadata": self.arrays}
        self.metadata = {key: json.dumps(value) for key, value in self.arrays.items()}
        self.metadata[".zmetadata"] = json.dumps(consolidated)
        self.files: dict[str, Any] = {}

    def get(self, key: str) -> Any:
        return self.metadata[key] if key in self.metadata else self.find(key)

    async def find(self, key: str) -> Any:
        """Return the reference to a chunk; None if there is none."""
        field, _, chunk = key.rpartition("/")
        array = self.arrays.get(f"{field}/.zarray")
        if array is None or not chunk.replace(".", "").isdigit():
            return None
        grid = [math.ceil(size / step) for size, step in zip(array["shape"], array["chunks"], strict=True)]
        places = zip(map(int, chunk.split(".")), grid, strict=False)
        number = reduce(lambda before, place: before * place[1] + place[0], places, 0)
        record, row = divmod(number, self.record_size)
        table = await self.file(f"{field}/refs.{record}.parq")
        found = {name: table[name][row].as_py() if name in table.column_names else None for name in COLUMNS}
        if found["raw"] is not None or found["path"] is None:
            return found["raw"]
        return [found["path"], found["offset"], found["size"]] if found["size"] else [found["path"]]

    async def file(self, name: str) -> Any:
        if name not in self.files:
            if len(self.files) == FILES_MAX:
                self.files.clear()
            data = await self.store.get(self.store.below(name))
            self.files[name] = pyarrow.parquet.read_table(BytesIO(data), use_threads=False)
        return self.files[name]


@contextmanager
def opened(url: str, trusted: bool, kind: str) -> Iterator[Opened]:
    """Yield the references at `url`. Raises OtherKindError or StoreError."""
    store = Store(url, trusted)
    with named_errors(store):
        document = asyncio.run(_document(store))
        if document is None or "record_size" not in document:
            raise OtherKindError("zarr")
        store = Store(url, trusted)
        store.references = Partitions(document, store)
        with lazily(store) as dataset:
            yield Opened(dataset, "kerchunk", [str(store.below(".zmetadata"))], zarr_format=2, consolidated=True)


async def _document(store: Store) -> dict[str, Any] | None:
    try:
        document: dict[str, Any] | None = await read(store, ".zmetadata")
        return document
    finally:
        await store.close()
