"""The extent of datasets, from coordinates of all kinds."""

import numpy
import pytest
import xarray

from app.repr.program import description, samples
from app.repr.program.coordinates import bounding_box, geographic, span, time_range
from app.repr.program.description import Opened as OpenedDataset
from app.repr.program.description import describe, plain

NAMES = {"degrees_north": "y", "degrees_east": "x"}


def places(latitudes, longitudes, names=("lat", "lon"), **attributes):
    variables = {}
    for name, values in zip(names, (latitudes, longitudes), strict=True):
        values = numpy.asarray(values)
        dimensions = (name,) if values.ndim == 1 else ("row", "column")
        variables[name] = (dimensions, values, attributes.get(name, {}))
    return xarray.Dataset(coords=variables)


def times(values, units, calendar="standard"):
    attributes = {"units": units, "calendar": calendar}
    return xarray.Dataset(coords={"time": ("time", numpy.asarray(values), attributes)})


@pytest.mark.parametrize(
    ("longitudes", "edges"),
    [
        (numpy.arange(0, 360, 10), (-180, 180)),
        (numpy.arange(0.25, 360, 0.5), (-180, 180)),
        (numpy.arange(-179.5, 180), (-180, 180)),
        (numpy.linspace(-180, 180, 5), (-180, 180)),
        (numpy.linspace(0, 360, 5), (-180, 180)),
        (numpy.arange(230, 301, 1.0), (-130, -60)),
        (numpy.arange(150, 211, 1.0), (150, -150)),
        (numpy.arange(-10, 31, 1.0), (-10, 30)),
        ([5.0], (5, 5)),
        ([170.0, 190.0], (170, -170)),
        ([350.0, 10.0], (-10, 10)),
        ([-75.5, -75.5, 10.25], (-75.5, 10.25)),
    ],
)
def test_longitudes_are_from_west_to_east_and_may_cross_180_degrees(longitudes, edges):
    assert span(numpy.asarray(longitudes, "f8")) == edges


@pytest.mark.parametrize(
    ("names", "attributes"),
    [
        (("lat", "lon"), {}),
        (("nav_lat", "nav_lon"), {}),
        (("y", "x"), {"y": {"units": "degrees_north"}, "x": {"units": "degrees_east"}}),
        (("a", "b"), {"a": {"standard_name": "latitude"}, "b": {"standard_name": "longitude"}}),
    ],
)
def test_coordinates_are_found_by_name_units_and_standard_name(names, attributes):
    assert bounding_box(places([10, 20], [30, 40], names, **attributes)) == [30, 10, 40, 20]


@pytest.mark.parametrize(
    ("attributes", "edges"),
    [
        ({"lat": {"units": "radian"}, "lon": {"units": "radians"}}, [28.64789, 11.459156, 57.29578, 22.918312]),
        ({"lat": {"units": "degrees_north"}, "lon": {"units": "degrees_west"}}, [-1, 0.2, -0.5, 0.4]),
    ],
)
def test_coordinates_in_radians_and_to_the_west_are_converted(attributes, edges):
    assert bounding_box(places([0.2, 0.4], [0.5, 1.0], **attributes)) == edges


def test_a_place_without_dimensions_is_an_extent():
    place = xarray.Dataset(coords={"lat": ((), 50.5), "lon": ((), 4.25)}, data_vars={"t": ("time", [1.0, 2.0])})
    assert bounding_box(place) == [4.25, 50.5, 4.25, 50.5]
    assert samples.plane(place, "t") is None


def test_projected_coordinates_are_not_degrees():
    attributes = {"y": {"units": "m"}, "x": {"units": "m"}}
    assert bounding_box(places([1e6, 2e6], [1e6, 2e6], ("y", "x"), **attributes)) is None


def test_coordinates_of_two_dimensions_may_have_gaps():
    latitudes, longitudes = numpy.meshgrid([40.0, 50.0, 60.0], [-10.0, 0.0, 10.0], indexing="ij")
    latitudes[0, 0] = longitudes[0, 0] = numpy.nan
    assert bounding_box(places(latitudes, longitudes)) == [-10, 40, 10, 60]


@pytest.mark.parametrize(("latitudes", "longitudes"), [([numpy.nan], [1.0]), ([], []), ([1e20], [1e20])])
def test_coordinates_without_valid_values_have_no_extent(latitudes, longitudes):
    assert bounding_box(places(numpy.asarray(latitudes, "f8"), numpy.asarray(longitudes, "f8"))) is None


def test_latitudes_are_clipped_to_the_poles():
    assert bounding_box(places([-90.0005, 0, 90.0005], [1.0, 2.0])) == [1, -90, 2, 90]


@pytest.mark.parametrize(
    ("values", "units", "calendar", "expected"),
    [
        ([0, 1, 2], "days since 2000-01-01", "noleap", ("2000-01-01T00:00:00", "2000-01-03T00:00:00", 86400)),
        ([59], "days since 2001-01-01", "360_day", ("2001-02-28T00:00:00", "2001-02-28T00:00:00", None)),
        ([0, 6, 12, 18], "hours since 1900-01-01", "standard", ("1900-01-01T00:00:00", "1900-01-01T18:00:00", 21600)),
        ([15.5, 45, 74.5], "days since 1850-01-01", "julian", ("1850-01-16T12:00:00", "1850-03-16T12:00:00", 2548800)),
        ([0], "days since -0500-01-01", "proleptic_gregorian", ("0001-01-01T00:00:00", "0001-01-01T00:00:00", None)),
        (
            [-2e5, 0],
            "days since 0001-06-15",
            "proleptic_gregorian",
            ("0001-01-01T00:00:00", "0001-06-15T00:00:00", 17280000000),
        ),
        ([4e6], "days since 2000-01-01", "noleap", ("9999-12-31T23:59:59", "9999-12-31T23:59:59", None)),
        ([2, 0, 1], "days since 2000-01-01", "standard", ("2000-01-01T00:00:00", "2000-01-03T00:00:00", 86400)),
    ],
)
def test_times_of_any_calendar_are_written_in_iso_8601(values, units, calendar, expected):
    found = time_range(times(values, units, calendar))
    start, end, step = expected
    assert (found["time_start"][:4], found["time_end"][:4]) == (start[:4], end[:4])
    if start[:4] != "9999":
        assert (found["time_start"], found["time_end"]) == (start, end)
    assert found["time_step"] == (step and pytest.approx(step))


def test_times_that_are_stored_as_times_are_read():
    days = numpy.array(["2000-01-01", "2000-01-02"], "datetime64[ns]")
    found = time_range(xarray.Dataset(coords={"time": ("time", days)}))
    assert list(found.values()) == ["2000-01-01T00:00:00", "2000-01-02T00:00:00", 86400]


@pytest.mark.parametrize("units", ["degrees", "months since 1990-01-01"])
def test_what_is_not_a_time_or_cannot_be_decoded_has_no_range(units):
    dataset = times([0, 1], units)
    found = describe(OpenedDataset(dataset, "zarr", []))
    assert (found["time_start"], found["time_end"], found["time_step"]) == (None, None, None)


def test_the_smaller_coordinate_of_a_dimension_is_preferred():
    dataset = places([1.0, 2.0], [1.0, 2.0]).assign_coords(station_lat=("s", [5.0], {"standard_name": "latitude"}))
    assert geographic(dataset, "latitude") == "station_lat"
    assert geographic(dataset, "longitude") == "lon"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (numpy.float32(0.5), 0.5),
        (numpy.int64(2**60), str(2**60)),
        (numpy.nan, "nan"),
        (numpy.array([1, 2]), [1, 2]),
        (b"a\0b", "ab"),
        ("\ud800", "?"),
        ("x" * 3000, "x" * 1999 + "…"),
        (numpy.bool_(True), True),
        ({"a": 1}, "{'a': 1}"),
    ],
)
def test_attributes_are_values_of_json_that_databases_store(value, expected):
    assert plain(value) == expected


def test_a_field_with_many_chunks_is_the_part_in_its_middle():
    values = numpy.broadcast_to(numpy.arange(3200.0), (1600, 3200))
    dataset = xarray.Dataset({"a": (("lat", "lon"), values)}, {"lat": numpy.arange(1600), "lon": numpy.arange(3200)})
    dataset["a"].encoding["chunks"] = (100, 100)
    field, dimensions = samples.field(dataset, "a", -1)
    assert (field.shape, dimensions) == ((800, 800), ("lat", "lon"))
    assert (field[0, 0], field[0, -1]) == (1200, 1999)


def test_of_too_many_variables_the_coordinates_are_described(monkeypatch):
    monkeypatch.setattr(description, "VARIABLES_MAX", 2)
    values = {name: ("lat", [1.0]) for name in "abc"}
    found = describe(OpenedDataset(xarray.Dataset(values, {"lat": [5.0]}), "zarr", []))
    assert {name: of["coordinate"] for name, of in found["variables"].items()} == {"lat": True, "a": False}
