"""What an opened dataset covers: its extent on the earth and in time, by the coordinates of the CF conventions."""

import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import cftime
import numpy
import xarray

VALUES_MAX = 1_000_000  # of a coordinate; of a larger one, only some are read
UNDECODED_MAX = 10
CHUNKS_MAX = 64  # of a coordinate that is read as a whole
YEAR_MAX = 9999
EARLIEST, LATEST = "0001-01-01T00:00:00", f"{YEAR_MAX}-12-31T23:59:59"

AXES = {
    "latitude": (
        {"latitude"},
        {"degrees_north", "degree_north", "degrees_n", "degree_n"},
        ("lat", "latitude", "nav_lat", "xlat", "tlat", "geolat"),
    ),
    "longitude": (
        {"longitude"},
        {"degrees_east", "degree_east", "degrees_e", "degree_e"},
        ("lon", "long", "longitude", "nav_lon", "xlong", "tlong", "geolon"),
    ),
}
WESTWARD = ("degrees_west", "degree_west", "degrees_w", "degree_w")
SINCE = re.compile(r"\s*\w+\s+since\s+\S+", re.ASCII | re.IGNORECASE)
TIMES = ("time", "valid_time", "t", "date", "datetime")


def geographic(dataset: xarray.Dataset, axis: str) -> str | None:
    """Return the name of the coordinate of `axis`, `latitude` or `longitude`, with the fewest dimensions."""
    standard_names, units, names = AXES[axis]
    tests: list[Callable[[str, Any], bool]] = [
        lambda _, variable: variable.attrs.get("standard_name") in standard_names,
        lambda _, variable: str(variable.attrs.get("units")).lower() in units,
        lambda name, _: name.lower() in names,
    ]
    for test in tests:
        found = [
            name
            for name, variable in named(dataset)
            if variable.ndim <= 2 and variable.dtype.kind in "fiu" and test(name, variable)
        ]
        if found:
            return min(
                found, key=lambda name: (name not in dataset.dims, dataset[name].ndim or 3, name not in dataset.coords)
            )
    return None


def named(dataset: xarray.Dataset) -> Iterator[tuple[str, Any]]:
    """Yield the variables and coordinates by name."""
    return ((str(name), variable) for name, variable in dataset.variables.items())


def time_name(dataset: xarray.Dataset) -> str | None:
    """Return the name of the one coordinate of time, a dimension if possible."""
    found = [name for name, variable in named(dataset) if variable.ndim <= 1 and _is_time(variable)]
    usual = sorted(
        found,
        key=lambda name: (
            name not in dataset.dims,
            dataset[name].attrs.get("standard_name") != "time",
            TIMES.index(name.lower()) if name.lower() in TIMES else len(TIMES),
        ),
    )
    return usual[0] if usual else None


def _is_time(variable: Any) -> bool:
    if variable.attrs.get("standard_name") in ("forecast_reference_time", "forecast_period"):
        return False
    return variable.dtype.kind == "M" or _counts_since(variable)


def _counts_since(variable: Any) -> bool:
    """Whether its values are numbers of a unit since a time."""
    return variable.dtype.kind in "fiu" and bool(SINCE.match(str(variable.attrs.get("units"))))


def undecoded(dataset: xarray.Dataset) -> list[str]:
    """Return the first variables with times that xarray cannot decode, which it does when it opens the dataset."""
    found = []
    for name, variable in named(dataset):
        if _counts_since(variable):
            try:
                xarray.decode_cf(xarray.Dataset({name: variable}))
            except (ValueError, OverflowError, TypeError):
                found.append(name)
    return found[:UNDECODED_MAX]


def values(variable: Any, ends: int = 2) -> Any:
    """Return the values of a coordinate as a flat array; of a large one, the first and the last `ends` of them.

    Of a large coordinate with two dimensions, some rows and columns and its edges.
    """
    if variable.size <= VALUES_MAX and _chunks(variable) <= CHUNKS_MAX:
        return numpy.asarray(variable.values).ravel()
    if variable.ndim == 1:
        parts = [variable[:ends].values, variable[-ends:].values]
    else:
        middle = [size // 2 for size in variable.shape]
        rows, columns = ([0, at, -1] for at in middle)
        parts = [*(variable[row].values for row in rows), *(variable[:, column].values for column in columns)]
    return numpy.concatenate([numpy.asarray(part).ravel() for part in parts])


def _chunks(variable: Any) -> float:
    """Return the number of chunks of the variable."""
    chunks = variable.encoding.get("chunks") or variable.encoding.get("chunksizes") or variable.shape
    return float(numpy.prod([-(-size // max(chunk, 1)) for size, chunk in zip(variable.shape, chunks, strict=False)]))


def bounding_box(dataset: xarray.Dataset) -> list[float] | None:
    """Return west, south, east and north in degrees; None without coordinates. West is larger across 180 degrees."""
    names = [geographic(dataset, axis) for axis in ("latitude", "longitude")]
    if None in names:
        return None
    latitudes, longitudes = (_degrees(dataset.variables[name]) for name in names if name)
    latitudes = latitudes[abs(latitudes) <= 90.001]
    longitudes = longitudes[(longitudes >= -360.001) & (longitudes <= 720.001)]
    if not latitudes.size or not longitudes.size:
        return None
    west, east = span(longitudes)
    south, north = (float(numpy.clip(edge, -90, 90)) for edge in (latitudes.min(), latitudes.max()))
    return [round(edge, 6) for edge in (west, south, east, north)]


def _degrees(variable: Any) -> Any:
    """Return the finite values of a coordinate in degrees east or north."""
    numbers = values(variable).astype("f8")
    numbers, units = numbers[numpy.isfinite(numbers)], str(variable.attrs.get("units")).lower()
    if units in ("radian", "radians", "rad"):
        return numpy.degrees(numbers)
    return -numbers if units in WESTWARD else numbers


def span(longitudes: Any) -> tuple[float, float]:
    """Return west and east of longitudes, each from -180 to 180: the ends of the largest gap between them.

    They cover the whole globe if the gap is not wider than twice their usual distance.
    """
    wrapped = numpy.unique((numpy.round(longitudes, 6) + 180) % 360 - 180)
    if longitudes.max() - longitudes.min() >= 359.999:
        return -180.0, 180.0
    if wrapped.size < 3:
        ends = (float(wrapped[0]), float(wrapped[-1]))
        return ends if ends[1] - ends[0] <= 180 else ends[::-1]
    gaps = numpy.diff(wrapped, append=wrapped[0] + 360)
    widest = int(numpy.argmax(gaps))
    if gaps[widest] <= 2 * numpy.median(gaps):
        return -180.0, 180.0
    return float(wrapped[(widest + 1) % wrapped.size]), float(wrapped[widest])


def time_range(dataset: xarray.Dataset) -> dict[str, Any]:
    """Return the first and the last time in ISO 8601, and the usual seconds between two times; nulls without times."""
    nothing: dict[str, Any] = {"time_start": None, "time_end": None, "time_step": None}
    name = time_name(dataset)
    if name is None or not dataset.variables[name].size:
        return nothing
    variable = dataset.variables[name]
    numbers = values(variable)
    if variable.dtype.kind == "M":
        numbers = numbers[~numpy.isnat(numbers)].astype("datetime64[us]").astype("i8")
        units, calendar = "microseconds since 1970-01-01", "proleptic_gregorian"
    else:
        numbers = numbers[numpy.isfinite(numbers.astype("f8"))]
        units, calendar = str(variable.attrs["units"]), str(variable.attrs.get("calendar", "standard"))
    if not numbers.size:
        return nothing
    ends = [numbers.min(), numbers.max()]
    first, last = cftime.num2date(ends, units, calendar.lower(), only_use_cftime_datetimes=True)
    steps = numpy.diff(numpy.sort(numbers))
    step = None
    if steps.size and (usual := numpy.median(steps[steps > 0] if (steps > 0).any() else [0])):
        step = (last - first).total_seconds() * float(usual) / float(ends[1] - ends[0])
    return {"time_start": iso(first), "time_end": iso(last), "time_step": step}


def iso(time: Any) -> str:
    """Return a time of any calendar in ISO 8601 without a zone, from year 1 to YEAR_MAX. Impossible days are moved."""
    if time.year < 1:
        return EARLIEST
    if time.year > YEAR_MAX:
        return LATEST
    year, day = time.year, time.day
    while day > 28:
        with suppress(ValueError):
            cftime.datetime(year, time.month, day, calendar="proleptic_gregorian")
            break
        day -= 1
    return f"{year:04}-{time.month:02}-{day:02}T{time.hour:02}:{time.minute:02}:{time.second:02}"
