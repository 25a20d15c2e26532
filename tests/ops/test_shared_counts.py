"""Workers count in shared memory, and their counts remain after they end."""

import pytest
from prometheus_client import CollectorRegistry, Histogram

from app.ops.shared_counts import BOUNDS, LABELS, SERIES, SharedCounts


def requests(counts):
    """The number of counted requests, by labels."""
    return {labels: sum(series.buckets) for labels, series in counts.totals().items()}


def connections(counts):
    return [region.connections_in_use for region in counts.regions]


def test_the_next_worker_continues_the_counts_of_a_dead_one():
    counts = SharedCounts(regions=1)
    for worker in (1, 2):
        counts.assign_region(worker)
        counts.count("GET 200 /", 0.5)
        counts.release_region(worker)
    assert requests(counts) == {"GET 200 /": 2}
    assert counts.region.used == 1


def test_concurrent_workers_write_to_separate_regions():
    counts = SharedCounts(regions=3)
    for worker in (1, 2, 3):
        counts.assign_region(worker)
        counts.count("GET 200 /", worker)
    assert [region.series[0].seconds for region in counts.regions] == [1, 2, 3]
    assert requests(counts) == {"GET 200 /": 3}


def test_a_dead_worker_has_no_connections():
    counts = SharedCounts(regions=2)
    for worker in (1, 2):
        counts.assign_region(worker)
        counts.region.connections_in_use = counts.region.connections_max = 8
    counts.release_region(1)
    assert connections(counts) == [0, 8]


def test_the_region_of_a_dead_worker_is_reused():
    counts = SharedCounts(regions=2)
    counts.assign_region(1)
    counts.assign_region(2)
    counts.release_region(1)
    counts.assign_region(3)
    counts.region.connections_in_use = 5
    assert connections(counts) == [5, 0]


def test_a_worker_without_a_region_works_and_the_log_says_that_it_is_not_counted(caplog):
    counts = SharedCounts(regions=1)
    counts.assign_region(1)
    counts.assign_region(2)
    counts.count("GET 200 /", 0.5)
    counts.release_region(2)
    assert requests(counts) == {}
    assert "too many workers" in caplog.text


def test_series_beyond_the_space_are_dropped_and_logged_once(caplog):
    counts = SharedCounts(regions=1)
    for number in range(SERIES):
        counts.count(f"GET 200 /{number}", 0.5)
    for _ in range(2):
        counts.count("GET 500 /" + "é" * LABELS, 0.5)
    assert len(requests(counts)) == SERIES
    assert caplog.text.count("no space") == 1


def test_long_labels_are_cut():
    counts = SharedCounts(regions=1)
    for _ in range(2):
        counts.count("-" + "é" * LABELS, 0.5)
    assert requests(counts) == {"-" + "é" * (LABELS // 2 - 1) + "�": 2}


@pytest.mark.parametrize("seconds", [0, *BOUNDS, 0.0011, 4.99, 10.1])
def test_a_duration_is_counted_in_the_bucket_of_prometheus(seconds):
    counts, registry = SharedCounts(regions=1), CollectorRegistry()
    counts.count("GET 200 /", seconds)
    Histogram("x", "x", buckets=BOUNDS, registry=registry).observe(seconds)
    theirs = [registry.get_sample_value("x_bucket", {"le": str(bound)}) for bound in BOUNDS]
    ours = list(counts.totals()["GET 200 /"].buckets)
    assert [sum(ours[: place + 1]) for place in range(len(BOUNDS))] == theirs
    assert sum(ours) == 1
