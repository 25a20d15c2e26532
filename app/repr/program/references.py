"""Kerchunk references: the keys of a Zarr store, and where the objects are."""

import json
import re
from typing import Any

from .store import Store, StoreError, named_errors

NETCDF = re.compile(rb"CDF[\x01\x02\x05]|\x89HDF\r\n\x1a\n")  # the first bytes of a file


async def read_references(url: str, trusted: bool) -> dict[str, Any]:
    """Return the Kerchunk references in the file at `url`, by key. Raises StoreError if it is another file, or none."""
    store = Store(url, trusted)
    with named_errors(store):
        start = await store.get(store.url, 0, 8)
        if NETCDF.match(start):
            raise StoreError("netcdf")
        if not start.lstrip().startswith(b"{"):
            raise StoreError("unreadable")
        document = json.loads(await store.get(store.url))
        await store.close()
        return references_of(document)


def references_of(document: dict[str, Any]) -> dict[str, Any]:
    """Return the references of a document of Kerchunk, version 0 or 1, with consolidated metadata."""
    templates: dict[str, str] = document.get("templates", {})
    found: dict[str, Any] = {}
    metadata: dict[str, Any] = {}
    for key, value in document.get("refs", document).items():
        if isinstance(value, list):
            url = re.sub(r"{{\s*(\w+)\s*}}", lambda name: str(templates[name[1]]), value[0])
            found[key] = [url, *value[1:]]
        else:
            found[key] = value if isinstance(value, str) else json.dumps(value)
            if key.rpartition("/")[2] in (".zarray", ".zattrs", ".zgroup"):
                metadata[key] = json.loads(found[key])
    return found | {".zmetadata": json.dumps({"zarr_consolidated_format": 1, "metadata": metadata})}
