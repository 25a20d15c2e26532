"""Draws a small picture of the first variable: a map with transparent gaps, or a line."""

import io
import math
from typing import Any

import numpy
import xarray
from PIL import Image, ImageDraw

from . import coordinates, samples

WIDTH, HEIGHT = 512, 256  # pixels
COLOURS = 255  # of the palette; the one after them is transparent
POINTS_MAX = 100_000  # of a line
BYTES_MAX = 128 * 1024  # of the PNG
LINE = (33, 113, 181, 255)

# Polynomials of degree 6 for red, green and blue of the colour map Viridis (Matt Zucker, CC0).
VIRIDIS = numpy.array(
    [
        [0.2777273272234177, 0.005407344544966578, 0.3340998053353061],
        [0.1050930431085774, 1.404613529898575, 1.384590162594685],
        [-0.3308618287255563, 0.214847559468213, 0.09509516302823659],
        [-4.634230498983486, -5.799100973351585, -19.33244095627987],
        [6.228269936347081, 14.17993336680509, 56.69055260068105],
        [4.776384997670288, -13.74514537774601, -65.35303263337234],
        [-5.435455855934631, 4.645852612178535, 26.3124352495832],
    ]
)


def drawn(dataset: xarray.Dataset) -> tuple[str, bytes] | None:
    """Return the name and a PNG of the first variable that can be drawn; None if there is none."""
    for name in samples.candidates(dataset)[: samples.VARIABLES_MAX]:
        image = _map(dataset, name) if dataset[name].ndim > 1 else _line(dataset, name)
        if image is not None:
            return name, image
    return None


def _map(dataset: xarray.Dataset, name: str) -> bytes | None:
    """Return the field at the last time, or at the first if the last has no values."""
    if min(dataset[name].shape[-2:]) < 2:
        return None
    for at in (-1, 0):
        field, (rows, columns) = samples.field(dataset, name, at)
        if samples.has_values(field):
            return _png(_scaled(_upright(dataset, field, rows, columns)))
    return None


def _upright(dataset: xarray.Dataset, field: Any, rows: str, columns: str) -> Any:
    """Return the field with north at the top, and with 180 degrees at its edges if it covers the whole globe."""
    field = numpy.where(numpy.isfinite(field), field, numpy.nan).astype("f8")
    if _edges(dataset, rows)[0] <= _edges(dataset, rows)[1]:
        field = field[::-1]
    if field.shape[1] == dataset.sizes[columns] and columns in dataset.variables:
        west, east = _edges(dataset, columns)
        if (
            east > 181
            and east - west >= 358 * (1 - 1 / field.shape[1])
            and coordinates.geographic(dataset, "longitude")
        ):
            longitudes = (numpy.linspace(west, east, field.shape[1]) + 180) % 360 - 180
            field = field[:, numpy.argsort(longitudes, kind="stable")]
    return field


def _edges(dataset: xarray.Dataset, dimension: str) -> tuple[float, float]:
    """Return the first and the last value of a coordinate; 0 and 1 if the dimension has none."""
    if dimension not in dataset.variables or dataset.variables[dimension].dtype.kind not in "fiu":
        return 0.0, 1.0
    variable = dataset.variables[dimension]
    return float(variable[0].values), float(variable[-1].values)


def _scaled(field: Any) -> Any:
    """Return the field with as many rows and columns as the picture has pixels, which are nearly square."""
    rows, columns = field.shape
    scale = min(WIDTH / columns, HEIGHT / rows)
    shape = [max(round(size * scale), 1) for size in (rows, columns)]
    places = [numpy.arange(new) * old // new for new, old in zip(shape, (rows, columns), strict=True)]
    return field[places[0]][:, places[1]]


def _png(field: Any) -> bytes | None:
    finite = field[numpy.isfinite(field)]
    if not finite.size:
        return None
    low, high = numpy.percentile(finite, [2, 98])
    span = high - low or 1.0
    with numpy.errstate(invalid="ignore"):
        colours = numpy.clip((field - low) / span, 0, 1) * (COLOURS - 1)
    pixels = numpy.where(numpy.isfinite(field), colours, COLOURS).astype("u1")
    image = Image.fromarray(pixels, "P")
    image.putpalette(_palette())
    return _encoded(image, transparency=COLOURS)


def _palette() -> bytes:
    position = numpy.linspace(0, 1, COLOURS)[:, None]
    colours = sum(VIRIDIS[power] * position**power for power in range(len(VIRIDIS)))
    return bytes((numpy.clip(colours, 0, 1) * 255).astype("u1").tobytes()) + b"\0\0\0"


def _line(dataset: xarray.Dataset, name: str) -> bytes | None:
    """Return a line of the values of a variable with one dimension."""
    variable = dataset.variables[name]
    chunk = samples.chunk_shape(variable)[0]
    count = min(
        variable.size, POINTS_MAX, chunk * samples.CHUNKS_MAX if variable.encoding.get("chunks") else POINTS_MAX
    )
    values = variable[:count].values.astype("f8")
    values = values[:: math.ceil(values.size / WIDTH) or 1]
    finite = numpy.isfinite(values)
    if finite.sum() < 2:
        return None
    low, high = values[finite].min(), values[finite].max()
    x = numpy.linspace(8, WIDTH - 8, values.size)[finite]
    y = HEIGHT - 16 - (values[finite] - low) / (high - low or 1) * (HEIGHT - 32)
    image = Image.new("RGBA", (WIDTH, HEIGHT))
    ImageDraw.Draw(image).line(list(zip(x.tolist(), y.tolist(), strict=True)), fill=LINE, width=3)
    return _encoded(image.quantize(16))


def _encoded(image: Image.Image, **options: Any) -> bytes | None:
    buffer = io.BytesIO()
    image.save(buffer, "PNG", optimize=True, **options)
    return buffer.getvalue() if buffer.tell() <= BYTES_MAX else None
