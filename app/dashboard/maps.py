"""The extent of a dataset on a map of the world, which templates/dashboard/map.html draws.

x is the longitude and y the negative latitude, both in degrees.
"""

from typing import NamedTuple

SMALLEST = 3.0  # degrees; a smaller extent is drawn in this size, so that it can be seen
EDGE = 180.0


class Extent(NamedTuple):
    """Degrees. `west` is larger than `east` if the extent crosses 180 degrees."""

    west: float
    south: float
    east: float
    north: float

    @property
    def text(self) -> str:
        """Such as 25° W to 45° E, 30° N to 72° N."""
        longitudes = " to ".join(_degrees(value, "E", "W") for value in (self.west, self.east))
        latitudes = " to ".join(_degrees(value, "N", "S") for value in (self.south, self.north))
        return f"{'all longitudes' if self.east - self.west == 2 * EDGE else longitudes}, {latitudes}"

    @property
    def boxes(self) -> list[tuple[float, float, float, float]]:
        """x, y, width and height of a rectangle, or of two if the extent crosses 180 degrees."""
        y, height = _at_least(-self.north, self.north - self.south)
        if self.west <= self.east:
            x, width = _at_least(self.west, self.east - self.west)
            return [(x, y, width, height)]
        return [(self.west, y, EDGE - self.west, height), (-EDGE, y, self.east + EDGE, height)]


def _at_least(start: float, size: float) -> tuple[float, float]:
    grown = max(SMALLEST - size, 0.0)
    return round(start - grown / 2, 3), round(size + grown, 3)


def _degrees(value: float, positive: str, negative: str) -> str:
    number = f"{abs(value):.2f}".rstrip("0").rstrip(".")
    return f"{number}°" if number in ("0", "180") else f"{number}° {positive if value > 0 else negative}"
