"""Numbers in memory that all workers of a server share: each worker writes to its own region and reads all of them.

The memory has no file: no other program can fill it, and it is freed when the last process of the server ends. A region
outlives its worker, and the next worker continues its counts.
"""

import logging
from bisect import bisect_left
from collections import defaultdict
from ctypes import Array, Structure, c_char, c_double, c_size_t, sizeof
from mmap import mmap
from operator import add
from threading import Lock

logger = logging.getLogger(__name__)

BOUNDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)  # seconds, of the buckets
# Together 32 MB of addresses; only the pages that are used take memory, about 30 kB for a worker.
REGIONS = 64  # the most workers that are counted at a time; during a restart, old and new workers run side by side
SERIES = 2048  # of a region; there are 170 pairs of route and method, and each has a few statuses
LABELS = 128  # bytes; the longest route has 32


class Series(Structure):
    """The requests with the same labels, by duration."""

    _fields_ = (("labels", c_char * LABELS), ("buckets", c_double * (len(BOUNDS) + 1)), ("seconds", c_double))


class Region(Structure):
    """What one worker writes; only the first `used` series have labels."""

    _fields_ = (
        ("connections_in_use", c_double),
        ("connections_max", c_double),
        ("used", c_size_t),
        ("series", Series * SERIES),
    )


class SharedCounts:
    """All regions, and the one that this process writes to."""

    def __init__(self, regions: int = REGIONS) -> None:
        # A mapping without a file is shared with forks, see https://docs.python.org/3/library/mmap.html.
        memory = mmap(-1, sizeof(Region) * regions)
        self.regions: Array[Region] = (Region * regions).from_buffer(memory)
        self.assigned: dict[int, int] = {}  # the indexes of living workers' regions, by worker
        self.lock = Lock()
        self._use(self.regions[0])

    def _use(self, region: Region) -> None:
        self.region = region
        self.series = {series.labels: series for series in _used(region)}

    def assign_region(self, worker: int) -> None:
        """In the parent, before `worker` is forked: choose a region that no living worker writes to."""
        free = set(range(len(self.regions))) - set(self.assigned.values())
        if not free:
            logger.warning("too many workers: /metrics does not count the requests of one of them")
            self._use(Region())
            return
        self.assigned[worker] = min(free)
        self._use(self.regions[min(free)])

    def release_region(self, worker: int) -> None:
        """In the parent, after `worker` died: its connections are gone, its requests still count."""
        if worker in self.assigned:
            region = self.regions[self.assigned.pop(worker)]
            region.connections_in_use = region.connections_max = 0

    def count(self, labels: str, seconds: float) -> None:
        """Count a request. Labels that are longer than LABELS are cut: no request fails because of its metric."""
        key = labels.encode()[:LABELS]
        with self.lock:
            series = self.series.get(key) or self._add(key)
            series.buckets[bisect_left(BOUNDS, seconds)] += 1
            series.seconds += seconds

    def _add(self, labels: bytes) -> Series:
        """Add a series, which the other workers see as soon as it has labels."""
        used = self.region.used
        series: Series
        if used < SERIES:
            series = self.region.series[used]
            series.labels = labels
            self.region.used = used + 1
        else:
            logger.warning("no space for more series: /metrics lacks one", extra={"series": _text(labels)})
            series = Series()
        self.series[labels] = series
        return series

    def totals(self) -> dict[str, Series]:
        """The series of all workers together, by labels."""
        totals: defaultdict[bytes, Series] = defaultdict(Series)
        for series in (series for region in self.regions for series in _used(region)):
            total = totals[series.labels]
            total.buckets = tuple(map(add, total.buckets, series.buckets))
            total.seconds += series.seconds
        return {_text(labels): total for labels, total in totals.items()}


def _used(region: Region) -> list[Series]:
    return list(region.series[: region.used])


def _text(labels: bytes) -> str:
    return labels.decode(errors="replace")  # labels that were cut may end with a part of a character
