"""Writes the small datasets of `app/static/docs/examples`, which the example catalogue of `flask seed` lists.

    .venv/bin/python -m tests.support.example_stores

Their values are made up: smooth fields that look like the climate of a year, on the land of `world_map`. They are one
Zarr store of each version, both with consolidated metadata, and one file of Kerchunk references that contains its data.
"""

import json
import re
import shutil
from base64 import b64encode

import numpy
import xarray
from numcodecs import Zlib
from PIL import Image, ImageDraw
from zarr.codecs import GzipCodec

from tests.support.live import ROOT

EXAMPLES = ROOT / "app/static/docs/examples"
MONTHS = numpy.arange("2024-01", "2025-01", dtype="datetime64[M]").astype("datetime64[ns]")
NUMBER = r"-?\d*\.?\d+"
FINER = 8  # the mask of the land has so many pixels for each cell of a grid and direction


def centres(start, end, step):
    return numpy.arange(start + step / 2, end, step, dtype="f8")


def land():
    """Yield the outlines of `land.svg` as lists of longitudes and latitudes."""
    text = (ROOT / "app/static/dashboard/land.svg").read_text()
    for outline in re.search(r' d="([^"]*)"', text)[1].replace("M", "").split("z"):
        if outline.strip():
            steps = [[float(x) for x in re.findall(NUMBER, part)] for part in outline.split("l")]
            yield numpy.cumsum(steps, axis=0) * [1, -1]


def is_land(latitudes, longitudes):
    """Whether the centre of each cell of a regular grid is on land."""
    size = (360 * FINER // 4, 180 * FINER // 4)
    image = Image.new("1", size)
    for outline in land():
        pixels = (outline * [1, -1] + [180, 90]) * FINER / 4
        ImageDraw.Draw(image).polygon([tuple(pixel) for pixel in pixels], fill=1)
    rows = ((90 - latitudes) * FINER / 4).astype(int).clip(0, size[1] - 1)
    columns = (((longitudes + 180) % 360) * FINER / 4).astype(int).clip(0, size[0] - 1)
    return numpy.asarray(image)[numpy.ix_(rows, columns)]


def axes(latitudes, longitudes):
    """The month, latitude and longitude of a field, in radians, with dimensions that numpy broadcasts."""
    months = 2 * numpy.pi * (numpy.arange(12) - 1) / 12  # 0 in February, when the sea is warmest in the south
    return months[:, None, None], numpy.radians(latitudes)[None, :, None], numpy.radians(longitudes)[None, None, :]


def sea_surface_temperature():
    latitudes, longitudes = centres(-90, 90, 2), centres(0, 360, 2)
    month, phi, lam = axes(latitudes, longitudes)
    season = -5 * numpy.sin(phi) * numpy.cos(month) * numpy.cos(phi)
    currents = 1.6 * numpy.sin(2 * lam + 3 * phi) * numpy.cos(phi) + 0.8 * numpy.sin(5 * lam - 4 * phi + month / 2)
    values = 29.5 * numpy.cos(phi) ** 2 - 2.5 * (1 - numpy.cos(phi) ** 2) + season + currents
    values = numpy.where(is_land(latitudes, longitudes), numpy.nan, values.clip(-1.8, None))
    return grid("sst", values, latitudes, longitudes, "sea_surface_temperature", "Sea surface temperature", "degree_C")


def precipitation():
    latitudes, longitudes = centres(-90, 90, 2), centres(-180, 180, 2)
    month, phi, lam = axes(latitudes, longitudes)
    belt = numpy.radians(5 - 8 * numpy.cos(month) + 3 * numpy.sin(lam))
    tropics = 8 * numpy.exp(-(((phi - belt) / 0.12) ** 2)) * (1 + 0.35 * numpy.sin(3 * lam + month))
    storms = 3 * numpy.exp(-(((abs(phi) - 0.8) / 0.22) ** 2)) * (1 + 0.4 * numpy.cos(4 * lam - 2 * phi))
    values = (tropics + storms + 0.3 + 0.2 * numpy.sin(7 * lam + 5 * phi)).clip(0, None)
    return grid("precip", values, latitudes, longitudes, "precipitation_flux", "Precipitation", "mm/day")


def air_temperature():
    latitudes, longitudes = centres(30, 72, 1), centres(-25, 45, 1)
    month, phi, lam = axes(latitudes, longitudes)
    inland = is_land(latitudes, longitudes) * 1.0
    season = -(6 + 8 * inland) * numpy.cos(month + numpy.pi / 6) * (0.5 + phi)
    values = 303 - 38 * (phi - 0.5) ** 1.3 - 5 * lam * phi + season + 1.5 * inland * numpy.sin(9 * lam + 7 * phi)
    return grid("tas", values, latitudes, longitudes, "air_temperature", "Near-surface air temperature", "K")


def grid(name, values, latitudes, longitudes, standard_name, long_name, units):
    """A dataset with one variable on a grid, packed into two bytes a value."""
    attributes = {"standard_name": standard_name, "long_name": long_name, "units": units}
    coordinates = {
        "time": ("time", MONTHS, {"standard_name": "time", "long_name": "Month"}),
        "lat": ("lat", latitudes, {"standard_name": "latitude", "units": "degrees_north"}),
        "lon": ("lon", longitudes, {"standard_name": "longitude", "units": "degrees_east"}),
    }
    title = f"{long_name}, an example of the Pangeo Forge API"
    dataset = xarray.Dataset({name: (("time", "lat", "lon"), values, attributes)}, coordinates, {"title": title})
    dataset[name].encoding = {"dtype": "i2", "scale_factor": 0.1, "add_offset": round(float(numpy.nanmean(values)))}
    dataset[name].encoding |= {"_FillValue": -32768, "chunks": values.shape}
    dataset["time"].encoding = {"units": "days since 2024-01-01", "dtype": "i4"}
    return dataset


def write_zarr(dataset, name, zarr_format):
    folder = EXAMPLES / name
    shutil.rmtree(folder, ignore_errors=True)
    compressor = GzipCodec(level=9) if zarr_format == 3 else Zlib(level=9)
    for variable in dataset.variables.values():
        variable.encoding["compressors"] = [compressor]
    dataset.to_zarr(folder, zarr_format=zarr_format, consolidated=True)


def write_references(name):
    """Write the store of Zarr 2 with that name as Kerchunk references which contain the data, instead of the store."""
    folder, references = EXAMPLES / name, {}
    for path in sorted(path for path in folder.rglob("*") if path.is_file() and path.name != ".zmetadata"):
        content = path.read_bytes()
        is_text = path.name.startswith(".")
        text = content.decode() if is_text else f"base64:{b64encode(content).decode()}"
        references[str(path.relative_to(folder))] = json.dumps(json.loads(text)) if is_text else text
    shutil.rmtree(folder)
    document = json.dumps({"version": 1, "refs": references}, indent=1)
    (EXAMPLES / f"{name}.json").write_text(document + "\n")


if __name__ == "__main__":
    write_zarr(sea_surface_temperature(), "sst.zarr", 2)
    write_zarr(precipitation(), "precipitation.zarr", 3)
    write_zarr(air_temperature(), "air-temperature", 2)
    write_references("air-temperature")
