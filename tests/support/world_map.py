"""Writes app/static/dashboard/land.svg, the outline of the land on the maps of the dashboard.

    npm pack world-atlas@2 && tar xzf world-atlas-2.*.tgz
    .venv/bin/python -m tests.support.world_map package/land-110m.json

The source is the land of Natural Earth 1:110m, which is in the public domain (https://www.naturalearthdata.com/about/
terms-of-use/), as the npm package `world-atlas` contains it, in TopoJSON. Longitudes are x, latitudes are -y.
"""

import json
import re
import sys
from itertools import accumulate, pairwise
from pathlib import Path

from tests.support.live import ROOT

TOLERANCE = 0.6  # degrees that a coast may move
SMALLEST = 3.0  # square degrees of an island that is kept
EDGE = 185.0  # degrees; the map ends at 180
SVG = """\
<svg xmlns="http://www.w3.org/2000/svg" viewBox="-180 -90 360 180">
<!-- Land of Natural Earth 1:110m, simplified. Public domain, https://www.naturalearthdata.com -->
<path id="land" d="{}"/>
</svg>
"""


def rings(topology):
    """Yield the outlines of the land and of its lakes as lists of points."""
    scale, offset = topology["transform"]["scale"], topology["transform"]["translate"]
    steps = [list(zip(*(accumulate(axis) for axis in zip(*arc, strict=True)), strict=True)) for arc in topology["arcs"]]
    arcs = [[(x * scale[0] + offset[0], -(y * scale[1] + offset[1])) for x, y in arc] for arc in steps]
    for geometry in topology["objects"]["land"]["geometries"]:
        for polygon in geometry["arcs"]:
            for ring in polygon:
                parts = [arcs[index] if index >= 0 else arcs[~index][::-1] for index in ring]
                yield from pieces(unwrapped([point for part in parts for point in part[1:]]))


def unwrapped(ring):
    """Return the ring with longitudes that do not jump at 180 degrees, around the South Pole if it contains it."""
    jumps = [-360 * round((b[0] - a[0]) / 360) for a, b in pairwise([ring[0], *ring])]
    line = [(x + shift, y) for (x, y), shift in zip(ring, accumulate(jumps), strict=True)]
    if abs(line[-1][0] - line[0][0]) > 180:
        line += [(line[-1][0], 90), (line[0][0], 90)]
    return line


def pieces(ring):
    """Yield the ring, and a copy on the other edge of the map if it crosses an edge."""
    yield ring
    for shift in (-360, 360):
        if any(abs(x) > 180 and abs(x + shift) < 180 for x, _ in ring):
            yield [(min(max(x + shift, -EDGE), EDGE), y) for x, y in ring]  # only what the map shows


def area(ring):
    return abs(sum(x * v - u * y for (x, y), (u, v) in pairwise([*ring, ring[0]]))) / 2


def distance(point, start, end):
    (x, y), (u, v), (s, t) = point, start, end
    length = ((s - u) ** 2 + (t - v) ** 2) ** 0.5
    if not length:
        return ((x - u) ** 2 + (y - v) ** 2) ** 0.5
    return abs((s - u) * (v - y) - (u - x) * (t - v)) / length


def simplified(line):
    """Return the points of `line` that Douglas and Peucker keep."""
    index, far = max(
        ((index, distance(point, line[0], line[-1])) for index, point in enumerate(line[1:-1], 1)),
        key=lambda pair: pair[1],
        default=(0, 0),
    )
    if far <= TOLERANCE:
        return [line[0], line[-1]]
    return simplified(line[: index + 1])[:-1] + simplified(line[index:])


def path(ring):
    """Return the outline as relative steps in tenths of a degree, which are short to write."""
    half = len(ring) // 2
    points = simplified(ring[: half + 1])[:-1] + simplified([*ring[half:], ring[0]])[:-1]
    tenths = [(round(10 * x), round(10 * y)) for x, y in points]
    start = f"M{tenths[0][0] / 10:g} {tenths[0][1] / 10:g}"
    steps = "".join(f"l{(x - u) / 10:g} {(y - v) / 10:g}" for (u, v), (x, y) in pairwise(tenths))
    return re.sub(r"(?<!\d)0\.", ".", f"{start}{steps}z").replace(" -", "-")


if __name__ == "__main__":
    topology = json.loads(Path(sys.argv[1]).read_text())
    kept = [ring for ring in rings(topology) if area(ring) >= SMALLEST]
    text = SVG.format("\n".join(path(ring) for ring in kept))
    (ROOT / "app/static/dashboard/land.svg").write_text(text)
    print(f"{len(kept)} outlines, {len(text)} bytes")
