"""Long computations in batches. A worker computes for one request at a time; between two batches it serves others."""

from collections.abc import Iterable, Iterator
from time import sleep
from typing import TypeVar

T = TypeVar("T")

SHORTEST = 1e-9  # seconds; of more than some microseconds gevent makes a millisecond
BATCH = 100  # records; creating them takes some 20 milliseconds on SQLite, all else less


def let_others_run() -> None:
    """Serve the requests that have arrived first. When a greenlet of the worker sleeps, gevent runs the others.

    It has to sleep for more than 0 seconds: else gevent runs only the greenlets that are ready, and looks whether
    requests have arrived after fifty of those.
    """
    sleep(SHORTEST)


def in_batches(items: list[T]) -> Iterator[list[T]]:
    """`items`, up to BATCH of them at a time; other requests run between two batches."""
    for start in range(0, len(items), BATCH):
        if start:
            let_others_run()
        yield items[start : start + BATCH]


def paced(items: Iterable[T]) -> Iterator[T]:
    """`items`, one by one; other requests run after each BATCH of them."""
    for number, item in enumerate(items, 1):
        yield item
        if number % BATCH == 0:
            let_others_run()
