"""The description of a dataset that xarray has opened, as a JSON object."""

import math
from dataclasses import dataclass
from typing import Any

import numpy
import xarray

from . import coordinates
from .store import StoreError

VARIABLES_MAX, ATTRIBUTES_MAX, LIST_MAX = 500, 100, 100
BYTES_MAX = 2**63 - 1
NAME_MAX, TEXT_MAX = 255, 2000  # characters
FACTS = ("units", "standard_name", "long_name")


@dataclass(frozen=True)
class Opened:
    """A dataset, and how it was opened. `objects` are urls that a client reads, one of each host."""

    dataset: xarray.Dataset
    engine: str
    objects: list[str]
    zarr_format: int | None = None
    consolidated: bool | None = None
    bytes_stored: int | None = None
    snapshot_id: str | None = None


def describe(opened: Opened) -> dict[str, Any]:
    dataset = opened.dataset
    every = list(coordinates.named(dataset))
    if len(every) > VARIABLES_MAX:
        every.sort(key=lambda item: item[0] not in dataset.coords)  # the extent is that of coordinates
    shown = dict(every[:VARIABLES_MAX])
    return {
        "variables": {text(name): _variable(dataset, name, value) for name, value in shown.items()},
        "dimensions": {text(str(name)): size for name, size in list(dataset.sizes.items())[:VARIABLES_MAX]},
        "attributes": attributes(dataset.attrs),
        **edges(extent(coordinates.bounding_box, dataset)),
        **(extent(coordinates.time_range, dataset) or {"time_start": None, "time_end": None, "time_step": None}),
        "bytes_stored": opened.bytes_stored,
        "bytes_in_memory": min(sum(size(variable) for _, variable in coordinates.named(dataset)), BYTES_MAX),
        "zarr_format": opened.zarr_format,
        "consolidated": opened.consolidated if opened.engine == "zarr" else None,
        "engine": opened.engine,
        "snapshot_id": opened.snapshot_id,
    }


def edges(box: list[float] | None) -> dict[str, float | None]:
    names = ("west", "south", "east", "north")
    return dict(zip(names, box, strict=True)) if box else dict.fromkeys(names)


def extent(find: Any, dataset: xarray.Dataset) -> Any:
    """Return what `find` finds in the coordinates; None if they cannot be read or decoded."""
    try:
        return find(dataset)
    except (StoreError, ValueError, TypeError, OverflowError, RuntimeError, OSError, ArithmeticError):
        return None


def _variable(dataset: xarray.Dataset, name: str, variable: Any) -> dict[str, Any]:
    facts = {fact: text(str(variable.attrs[fact])) if fact in variable.attrs else None for fact in FACTS}
    encoding = variable.encoding
    chunks = encoding.get("shards") or encoding.get("chunks") or encoding.get("chunksizes")
    return {
        "dimensions": [text(str(dimension)) for dimension in variable.dims],
        "shape": list(variable.shape),
        "dtype": str(variable.dtype)[:NAME_MAX],
        **facts,
        "coordinate": name in dataset.coords,
        "chunks": [int(chunk) for chunk in chunks] if chunks else None,
    }


def size(variable: Any) -> int:
    """Return the bytes of a variable in memory. Texts of variable length count as pointers."""
    return int(math.prod(variable.shape) * variable.dtype.itemsize)


def attributes(given: dict[Any, Any]) -> dict[str, Any]:
    """Return the first global attributes as JSON. Long texts and lists are cut."""
    return {text(str(name)): plain(value) for name, value in list(given.items())[:ATTRIBUTES_MAX]}


def plain(value: Any) -> Any:
    """Return `value` as a value of JSON: a text, a number or a list of them."""
    if isinstance(value, numpy.ndarray | list | tuple):
        return [plain(item) for item in list(value)[:LIST_MAX]]
    if isinstance(value, numpy.generic):
        value = value.item()
    if isinstance(value, bool | None):
        return value
    if isinstance(value, int) and abs(value) < 2**53:
        return value
    if isinstance(value, float) and math.isfinite(value):
        return value
    return text(value.decode(errors="replace") if isinstance(value, bytes) else str(value), TEXT_MAX)


def text(value: str, longest: int = NAME_MAX) -> str:
    """Return a text that databases can store: without NUL and half characters, cut after `longest` characters."""
    clean = value.encode(errors="replace").decode().replace("\0", "")
    return clean if len(clean) <= longest else f"{clean[: longest - 1]}…"
