"""Splits long computations of a request into batches, so that the worker serves other requests between two batches."""

from collections.abc import Iterable, Iterator
from time import sleep
from typing import TypeVar

T = TypeVar("T")

PAUSE = 1e-9  # seconds; gevent extends a sleep of more than some microseconds to a millisecond
BATCH = 100  # records; their creation takes about 20 milliseconds on SQLite, everything else takes less


def let_others_run() -> None:
    """Serve the requests that have arrived. While this greenlet sleeps, gevent runs the others.

    A sleep of 0 seconds does not suffice: gevent would run only the greenlets that are ready, and check for new
    requests after fifty of them.
    """
    sleep(PAUSE)


def in_batches(items: list[T]) -> Iterator[list[T]]:
    """Yield `items` in lists of up to BATCH. Other requests run between two lists."""
    for start in range(0, len(items), BATCH):
        if start:
            let_others_run()
        yield items[start : start + BATCH]


def paced(items: Iterable[T]) -> Iterator[T]:
    """Yield `items` one by one. Other requests run after every BATCH of them."""
    for number, item in enumerate(items, 1):
        yield item
        if number % BATCH == 0:
            let_others_run()
