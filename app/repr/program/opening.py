"""Opens Zarr stores and Kerchunk references with xarray, without reading values."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import xarray
import zarr
from zarr.storage import FsspecStore

from .description import Opened
from .layout import Layout, array_sizes, find
from .listing import bytes_below
from .store import OtherKindError, Store, StoreError, named_errors

# Values are not decoded: the service needs a few times only, and an index would read whole coordinates.
LAZY: dict[str, Any] = {"decode_times": False, "cache": False, "chunks": None, "create_default_indexes": False}
KINDS = ("zarr", "kerchunk")  # that this module opens


@contextmanager
def opened(url: str, trusted: bool, kind: str) -> Iterator[Opened]:
    """Yield the Zarr store or the Kerchunk references at `url`. Raises OtherKindError or StoreError."""
    store = Store(url, trusted)
    with named_errors(store):
        layout, stored = asyncio.run(_look(store, kind))
    if layout.kind not in KINDS:
        raise OtherKindError(layout.kind)
    store = Store(url, trusted, layout.references, layout.metadata)
    with named_errors(store), lazily(store) as dataset:
        if not dataset.variables and _has_groups(store):
            raise StoreError("groups")
        objects = layout.objects(store)
        yield Opened(dataset, layout.kind, objects, layout.zarr_format, layout.consolidated, stored)


async def _look(store: Store, kind: str) -> tuple[Layout, int | None]:
    """Return what is there, and the bytes that are stored if they are known."""
    try:
        layout = await find(store, file_first=kind != "zarr")
        if layout.kind == "kerchunk":
            sizes = list(array_sizes(layout.references))
            return layout, None if None in sizes else sum(size or 0 for size in sizes)
        return layout, await bytes_below(store) if layout.kind == "zarr" else None
    finally:
        await store.close()


def _has_groups(store: Store) -> bool:
    """Whether a store with consolidated metadata has groups below its root."""
    return any(zarr.open_group(_below(store), mode="r", use_consolidated=True).group_keys())


@contextmanager
def lazily(store: Store) -> Iterator[xarray.Dataset]:
    """Yield the dataset of a store with consolidated metadata."""
    with xarray.open_dataset(_below(store), engine="zarr", consolidated=True, **LAZY) as dataset:
        yield dataset


def _below(store: Store) -> Any:
    """Return the store as zarr reads it."""
    return FsspecStore(store, read_only=True, path="")
