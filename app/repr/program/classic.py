"""Reads the header of a NetCDF 3 file, so that its values are chunks of a Zarr store at known places of the file.

The format: https://docs.unidata.ucar.edu/nug/current/file_format_specifications.html. SciPy reads whole variables only.
"""

import json
import math
import struct
from dataclasses import dataclass
from typing import Any, BinaryIO

import numpy

from .description import plain
from .store import StoreError

TYPES = ("", "|i1", "|S1", ">i2", ">i4", ">f4", ">f8", "|u1", ">u2", ">u4", ">i8", ">u8")  # by number
DIMENSION, VARIABLE, ATTRIBUTE = 0x0A, 0x0B, 0x0C  # the tags of lists
UNKNOWN = (2**32 - 1, 2**64 - 1)  # the number of records of a file that is written as a stream
ITEMS_MAX = 1_000_000  # of a list, and characters of a name
CHUNK = 4 * 1024**2  # bytes, if the variable has no records


@dataclass(frozen=True)
class Variable:
    """`step` is the number of bytes from a chunk to the next one."""

    dimensions: list[str]
    attributes: dict[str, Any]
    dtype: str
    shape: list[int]
    chunks: list[int]
    begin: int
    step: int


class Header:
    """Reads numbers, names and lists from the start of the file. In version 5 numbers have 8 bytes."""

    def __init__(self, file: BinaryIO) -> None:
        self.file = file
        self.version = self.read(4)[3]
        records = self.number()
        self.records = 0 if records in UNKNOWN else records
        self.dimensions = [(self.name(), self.number()) for _ in range(self.count(DIMENSION))]
        self.attributes = self.read_attributes()
        found = [self.read_variable() for _ in range(self.count(VARIABLE))]
        self.record_size = self.size_of_records([item for item in found if item["has_records"]])
        self.variables = {item["name"]: self.variable(item) for item in found}

    def read(self, size: int) -> bytes:
        data = self.file.read(size)
        if len(data) != size:
            raise StoreError("unreadable")
        return data

    def unpack(self, form: str) -> int:
        return int(struct.unpack(f">{form}", self.read(struct.calcsize(form)))[0])

    def number(self) -> int:
        return self.unpack("Q" if self.version == 5 else "I")

    def count(self, tag: int) -> int:
        """Return the number of items of a list; its tag is 0 if it is empty."""
        found, count = self.unpack("I"), self.number()
        if found not in (0, tag) or count > ITEMS_MAX:
            raise StoreError("unreadable")
        return count

    def padded(self, size: int) -> bytes:
        """Return that many bytes; those up to the next multiple of 4 are skipped."""
        if size > ITEMS_MAX:
            raise StoreError("unreadable")
        return self.read(-(-size // 4) * 4)[:size]

    def name(self) -> str:
        return self.padded(self.number()).decode(errors="replace")

    def read_attributes(self) -> dict[str, Any]:
        found = {}
        for _ in range(self.count(ATTRIBUTE)):
            name, dtype, count = self.name(), TYPES[self.unpack("I")], self.number()
            data = self.padded(count * numpy.dtype(dtype).itemsize)
            values = numpy.frombuffer(data, dtype)
            found[name] = (
                data.decode(errors="replace") if dtype == "|S1" else plain(values[0] if count == 1 else values)
            )
        return found

    def read_variable(self) -> dict[str, Any]:
        name = self.name()
        numbers = [self.number() for _ in range(min(self.number(), ITEMS_MAX))]
        attributes, dtype = self.read_attributes(), TYPES[self.unpack("I")]
        self.number()  # the size, which is not reliable for large variables
        begin = self.unpack("I" if self.version == 1 else "Q")
        dimensions = [self.dimensions[number] for number in numbers]
        has_records = bool(dimensions) and dimensions[0][1] == 0
        shape = [size for _, size in dimensions[has_records:]]
        return {
            **{"name": name, "dimensions": [name for name, _ in dimensions], "attributes": attributes, "dtype": dtype},
            **{"begin": begin, "has_records": has_records, "shape": shape},
            "size": math.prod(shape) * numpy.dtype(dtype).itemsize,
        }

    @staticmethod
    def size_of_records(variables: list[dict[str, Any]]) -> int:
        """Return the bytes of a record of all variables. They are padded, unless there is one variable only."""
        if len(variables) == 1:
            return int(variables[0]["size"])
        return sum(-(-variable["size"] // 4) * 4 for variable in variables)

    def variable(self, item: dict[str, Any]) -> Variable:
        facts = {name: item[name] for name in ("dimensions", "attributes", "dtype", "begin")}
        shape = item["shape"]
        if item["has_records"]:
            return Variable(**facts, shape=[self.records, *shape], chunks=[1, *shape], step=self.record_size)
        if not shape:
            return Variable(**facts, shape=[], chunks=[], step=0)
        row = max(item["size"] // max(shape[0], 1), 1)
        rows = next(
            rows for rows in range(max(min(CHUNK // row, shape[0]), 1), 0, -1) if shape[0] % rows == 0
        )  # no chunk is cut
        return Variable(**facts, shape=shape, chunks=[rows, *shape[1:]], step=rows * row)


class References:
    """The keys of a Zarr store, and the parts of the file at `url` that they lead to, like Kerchunk references."""

    def __init__(self, url: str, header: Header) -> None:
        self.url, self.variables = url, header.variables
        metadata: dict[str, Any] = {".zgroup": {"zarr_format": 2}, ".zattrs": header.attributes}
        for name, variable in header.variables.items():
            metadata[f"{name}/.zarray"], metadata[f"{name}/.zattrs"] = _metadata(variable)
        consolidated = {"zarr_consolidated_format": 1, "metadata": metadata}
        self.metadata = {key: json.dumps(value) for key, value in metadata.items()}
        self.metadata[".zmetadata"] = json.dumps(consolidated)

    def get(self, key: str) -> Any:
        if key in self.metadata:
            return self.metadata[key]
        name, _, chunk = key.rpartition("/")
        variable = self.variables.get(name)
        if variable is None or not chunk.replace(".", "").isdigit():
            return None
        number = int(chunk.partition(".")[0])
        size = math.prod(variable.chunks) * numpy.dtype(variable.dtype).itemsize
        return [self.url, variable.begin + number * variable.step, size]


def _metadata(variable: Variable) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the metadata of Zarr 2 for a variable, and its attributes."""
    attributes = {**variable.attributes, "_ARRAY_DIMENSIONS": variable.dimensions}
    fill = attributes.pop("_FillValue", None)
    array = {"zarr_format": 2, "shape": variable.shape, "chunks": [max(size, 1) for size in variable.chunks]}
    array |= {"dtype": variable.dtype, "order": "C", "compressor": None, "filters": None}
    return {**array, "fill_value": fill if isinstance(fill, int | float) else _special(fill)}, attributes


def _special(fill: Any) -> Any:
    """Return the fill value that `plain` made a text, because JSON does not have it."""
    return {"nan": "NaN", "inf": "Infinity", "-inf": "-Infinity"}.get(fill)
