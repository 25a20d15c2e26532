"""What is at a url: a Zarr store and where its metadata is, or a file of another type, by its first bytes."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from .listing import names_below
from .references import references_of
from .store import Store, StoreError, over_http

ICECHUNK = "refs/branch.main/ref.json"
NETCDF = re.compile(rb"CDF[\x01\x02\x05]|\x89HDF\r\n\x1a\n")
HOSTS_MAX = 3
ARRAYS_MAX = 500  # in a store without consolidated metadata
LOCAL = (".zarray", ".zattrs", ".zgroup")


@dataclass(frozen=True)
class Layout:
    """`kind` is the type of the dataset. `metadata` are keys of the store that the host does not have."""

    kind: str
    zarr_format: int | None = None
    consolidated: bool | None = None
    metadata: dict[str, str] = field(default_factory=dict)
    references: Any = None

    def objects(self, store: Store) -> list[str]:
        """Return urls that a client reads, one of each host, of the first hosts."""
        if self.references is None:
            key = "zarr.json" if self.zarr_format == 3 else ".zmetadata" if self.consolidated else ".zgroup"
            return [str(store.below(key))]
        urls = {store.url.origin(): store.url}
        for reference in self.references.values():
            if isinstance(reference, list) and len(urls) < HOSTS_MAX:
                target = over_http(reference[0])
                urls.setdefault(target.origin(), target)
        return [str(url) for url in urls.values()]


async def find(store: Store, file_first: bool) -> Layout:
    """Look for a Zarr store, a file and an Icechunk repository. Raises StoreError if there is none of them."""
    searches = [_file, _zarr] if file_first else [_zarr, _file]
    for search in (*searches, _icechunk):
        if layout := await search(store):
            return layout
    if store.url in store.sizes:
        raise StoreError("unreadable")  # there is a file, or a page
    raise StoreError("denied" if store.denied else "missing")


async def read(store: Store, key: str) -> Any:
    """Return the JSON object in `key`; None if there is no such key, or another content."""
    try:
        document = json.loads(await store.get(store.below(key)))
    except (FileNotFoundError, ValueError):  # a host may answer a page for every path
        return None
    return document if isinstance(document, dict) else None


async def _zarr(store: Store) -> Layout | None:
    consolidated = await read(store, ".zmetadata")
    if consolidated:
        return Layout("references" if "record_size" in consolidated else "zarr", 2, True)
    if root := await read(store, "zarr.json"):
        if root.get("node_type") != "group":
            raise StoreError("array")
        if root.get("consolidated_metadata"):
            return Layout("zarr", 3, True)
        return Layout("zarr", 3, False, await _collected_3(store, root))
    if await read(store, ".zgroup"):
        return Layout("zarr", 2, False, await _collected_2(store))
    if await read(store, ".zarray"):
        raise StoreError("array")
    return None


async def _file(store: Store) -> Layout | None:
    try:
        start = await store.get(store.url, 0, 8)
    except FileNotFoundError:
        return None
    if NETCDF.match(start):
        return Layout("netcdf")
    if start.startswith(b"PAR1"):
        return Layout("parquet")
    if start.lstrip().startswith(b"{"):
        references = references_of(json.loads(await store.get(store.url)))
        if ".zgroup" not in references:
            raise StoreError("unreadable")
        return Layout("kerchunk", 2, True, references=references)
    return None


async def _icechunk(store: Store) -> Layout | None:
    return Layout("icechunk", 3, None) if await read(store, ICECHUNK) else None


async def _collected_2(store: Store) -> dict[str, str]:
    """Return consolidated metadata of a store of Zarr 2 that has none."""
    found = {}
    for name in ["", *await _arrays(store)]:
        for part in LOCAL:
            key = f"{name}/{part}".lstrip("/")
            if document := await read(store, key):
                found[key] = document
    return {".zmetadata": json.dumps({"zarr_consolidated_format": 1, "metadata": found})}


async def _collected_3(store: Store, root: dict[str, Any]) -> dict[str, str]:
    found = {name: await read(store, f"{name}/zarr.json") for name in await _arrays(store)}
    metadata = {name: document for name, document in found.items() if document}
    inline = {"kind": "inline", "must_understand": False, "metadata": metadata}
    return {"zarr.json": json.dumps(root | {"consolidated_metadata": inline})}


async def _arrays(store: Store) -> list[str]:
    names = await names_below(store)
    if len(names) > ARRAYS_MAX:
        raise StoreError("large")
    return names


def array_sizes(references: dict[str, Any]) -> Iterator[int | None]:
    """Yield the bytes of each chunk that Kerchunk references lead to; None for a whole object."""
    for key, value in references.items():
        if key.rpartition("/")[2] not in (*LOCAL, ".zmetadata"):
            yield len(value) if isinstance(value, str) else (int(value[2]) if len(value) > 2 else None)
