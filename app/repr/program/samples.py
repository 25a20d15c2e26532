"""Reads a few chunks of a dataset: one field for a picture, and others to see whether there are values at all."""

import math
from collections.abc import Iterator
from typing import Any

import numpy
import xarray

from . import coordinates
from .store import StoreError

BYTES_MAX = 64 * 1024**2  # of a chunk, and of all chunks of a field, in memory
CHUNKS_MAX = 64  # of a field
VARIABLES_MAX = 3  # that are sampled


def sampled(dataset: xarray.Dataset) -> dict[str, int]:
    """Return how many chunks of the first variables were read, and how many of them have missing values only.

    It ends when the budget is used up. Raises StoreError if that is so for the first chunk.
    """
    chunks = missing = 0
    small = (name for name in candidates(dataset)[:VARIABLES_MAX] if _chunk_bytes(dataset.variables[name]) <= BYTES_MAX)
    for variable in (dataset.variables[name] for name in small):
        for place in _places(variable):
            try:
                missing += not has_values(variable[place].values)
            except StoreError as error:
                if str(error) == "large" and chunks:
                    return {"chunks": chunks, "missing": missing}
                raise
            chunks += 1
    return {"chunks": chunks, "missing": missing}


def candidates(dataset: xarray.Dataset) -> list[str]:
    """Return the names of the variables with numbers, without those that describe others; maps come first."""
    bounds = {str(variable.attrs.get("bounds")) for variable in dataset.variables.values()}
    names = [
        str(name)
        for name, variable in dataset.data_vars.items()
        if variable.dtype.kind in "fiu" and variable.ndim and variable.size and name not in bounds
    ]
    return sorted(names, key=lambda name: (plane(dataset, name) is None, dataset[name].ndim < 2))


def plane(dataset: xarray.Dataset, name: str) -> tuple[str, str] | None:
    """Return the dimensions of the variable that are its latitude and longitude; None if it has none."""
    found = []
    for axis, position in (("latitude", 0), ("longitude", -1)):
        coordinate = coordinates.geographic(dataset, axis)
        if coordinate is None or not dataset.variables[coordinate].ndim:
            return None
        found.append(str(dataset.variables[coordinate].dims[position]))
    rows, columns = found
    dimensions = dataset.variables[name].dims
    return (rows, columns) if rows != columns and {rows, columns} <= set(dimensions) else None


def field(dataset: xarray.Dataset, name: str, at: int) -> tuple[Any, tuple[str, str]]:
    """Return the variable with two dimensions, and their names. `at` is the position in all others, 0 or -1.

    If it has many chunks, the field is a part in its middle. Raises StoreError if a chunk is large.
    """
    variable = dataset.variables[name]
    rows, columns = plane(dataset, name) or (str(variable.dims[-2]), str(variable.dims[-1]))
    if _chunk_bytes(variable) > BYTES_MAX:
        raise StoreError("large")
    time = coordinates.time_name(dataset)
    others = {dim: at if dim == time else 0 for dim in variable.dims if dim not in (rows, columns)}
    part = _middle(variable, [rows, columns])
    return variable.isel(others | part).transpose(rows, columns).values, (rows, columns)


def chunk_shape(variable: Any) -> list[int]:
    """Return the shape of what is read at once. An array that is stored as a whole is read row by row."""
    encoding = variable.encoding
    chunks = encoding.get("chunks") or encoding.get("chunksizes") or (*[1] * (variable.ndim - 1), *variable.shape[-1:])
    return [max(int(chunk), 1) for chunk in chunks]


def _chunk_bytes(variable: Any) -> int:
    return math.prod(chunk_shape(variable)) * int(variable.dtype.itemsize)


def _middle(variable: Any, dimensions: list[str]) -> dict[str, slice]:
    """Return the slices of `dimensions` that leave at most CHUNKS_MAX chunks, and BYTES_MAX."""
    size = dict(zip(variable.dims, variable.shape, strict=True))
    chunk = dict(zip(variable.dims, chunk_shape(variable), strict=True))
    left = {dim: math.ceil(size[dim] / chunk[dim]) for dim in dimensions}
    limit = BYTES_MAX // max(_chunk_bytes(variable), 1)
    if variable.encoding.get("chunks") or variable.encoding.get("chunksizes"):
        limit = min(limit, CHUNKS_MAX)
    while math.prod(left.values()) > max(limit, 1):
        longest = max(left, key=lambda dim: left[dim] * chunk[dim] if left[dim] > 1 else 0)
        left[longest] = math.ceil(left[longest] / 2)
    slices = {}
    for dim in dimensions:
        first = (math.ceil(size[dim] / chunk[dim]) - left[dim]) // 2 * chunk[dim]
        slices[dim] = slice(first, first + left[dim] * chunk[dim])
    return slices


def _places(variable: Any) -> Iterator[tuple[slice, ...]]:
    """Yield the first, the middle and the last chunk of the variable."""
    chunk = chunk_shape(variable)
    seen = set()
    for where in (0.0, 0.5, 1.0):
        numbers = [int(where * ((size - 1) // step)) for size, step in zip(variable.shape, chunk, strict=True)]
        if tuple(numbers) not in seen:
            seen.add(tuple(numbers))
            yield tuple(slice(number * step, (number + 1) * step) for number, step in zip(numbers, chunk, strict=True))


def has_values(array: Any) -> bool:
    return bool(numpy.isfinite(array).any()) if array.dtype.kind == "f" else bool(array.size)
