"""Describes tables in Parquet. Only the footer of the file is read: the columns and the ranges of their values."""

import datetime
from contextlib import suppress
from typing import Any

import pyarrow.parquet

from . import description
from .files import remote_file
from .store import OtherKindError

GEOGRAPHIC = {"latitude": ("lat", "latitude"), "longitude": ("lon", "longitude", "long")}
GROUPS_MAX = 10_000


def described(url: str, trusted: bool) -> dict[str, Any]:
    """Return the description of the Parquet file at `url`. Raises OtherKindError or StoreError."""
    with remote_file(url, trusted) as (file, reader):
        if file.start[:4] != b"PAR1":
            raise OtherKindError("zarr")
        found = pyarrow.parquet.ParquetFile(reader)
        schema, rows = found.schema_arrow, found.metadata.num_rows
        ranges = {name: _range(found.metadata, number) for number, name in _leaves(found)}
        return {
            "variables": {
                description.text(field.name): _column(field, rows)
                for field in list(schema)[: description.VARIABLES_MAX]
            },
            "dimensions": {"row": rows},
            "attributes": _attributes(schema.metadata or {}),
            **description.edges(_bounding_box(ranges)),
            **_time_range(schema, ranges),
            "bytes_stored": file.size,
            "bytes_in_memory": _bytes(found.metadata),
            "zarr_format": None,
            "consolidated": None,
            "engine": "parquet",
            "snapshot_id": None,
        }


def _leaves(found: Any) -> list[tuple[int, str]]:
    """Return the numbers and names of the columns that are not nested."""
    columns = (found.schema.column(number) for number in range(found.metadata.num_columns))
    return [(number, column.name) for number, column in enumerate(columns) if column.path == column.name]


def _column(field: Any, rows: int) -> dict[str, Any]:
    metadata = {key.decode(errors="replace"): value for key, value in (field.metadata or {}).items()}
    facts = {fact: description.plain(metadata[fact]) if fact in metadata else None for fact in description.FACTS}
    shown = {"dimensions": ["row"], "shape": [rows], "dtype": description.text(str(field.type))}
    return {**shown, **facts, "coordinate": False, "chunks": None}


def _attributes(metadata: dict[bytes, bytes]) -> dict[str, Any]:
    """Return the metadata of the file without the schemas that libraries add to it."""
    own = {key: value for key, value in metadata.items() if key not in (b"pandas", b"ARROW:schema")}
    return description.attributes({key.decode(errors="replace"): value for key, value in own.items()})


def _range(metadata: Any, column: int) -> tuple[Any, Any] | None:
    """Return the smallest and the largest value of a column; None if a part of the file does not have them."""
    low, high = [], []
    for group in range(min(metadata.num_row_groups, GROUPS_MAX)):
        statistics = metadata.row_group(group).column(column).statistics
        if statistics is None or not statistics.has_min_max:
            return None
        low.append(statistics.min)
        high.append(statistics.max)
    return (min(low), max(high)) if low and metadata.num_row_groups <= GROUPS_MAX else None


def _bounding_box(ranges: dict[str, Any]) -> list[float] | None:
    found = {}
    for axis, names in GEOGRAPHIC.items():
        known = [ends for name, ends in ranges.items() if name.lower() in names and ends]
        if not known or not all(isinstance(end, float | int) for end in known[0]):
            return None
        found[axis] = known[0]
    (south, north), (west, east) = found["latitude"], found["longitude"]
    if not (-90 <= south <= north <= 90 and -180 <= west <= east <= 360):
        return None
    if east > 180:
        west, east = -180, 180  # the statistics do not say where between them there are values
    return [float(edge) for edge in (west, south, east, north)]


def _time_range(schema: Any, ranges: dict[str, Any]) -> dict[str, Any]:
    """Return the range of the first column of times."""
    for field in schema:
        ends = ranges.get(field.name)
        if ends and isinstance(ends[0], datetime.datetime):
            with suppress(OverflowError):
                start, end = (_utc(end).isoformat(timespec="seconds") for end in ends)
                return {"time_start": start, "time_end": end, "time_step": None}
    return {"time_start": None, "time_end": None, "time_step": None}


def _utc(time: datetime.datetime) -> datetime.datetime:
    return time.astimezone(datetime.UTC).replace(tzinfo=None) if time.tzinfo else time


def _bytes(metadata: Any) -> int | None:
    """Return the bytes of the table before compression."""
    if metadata.num_row_groups > GROUPS_MAX:
        return None
    return sum(int(metadata.row_group(group).total_byte_size) for group in range(metadata.num_row_groups))
