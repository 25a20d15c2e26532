"""Splits long computations of a request, so that the worker serves other requests meanwhile."""

from collections.abc import Iterable, Iterator
from threading import Lock
from time import monotonic, sleep
from typing import TypeVar

T = TypeVar("T")

PERIOD = 0.005  # seconds of computation after which others run; a request for /healthz waits for about three of them
PAUSE = 1e-9  # seconds; gevent extends a sleep of more than some microseconds to a millisecond
BATCH = 100  # records that are computed together; most computations of them take one or two milliseconds

_next = Lock()  # of the greenlet that computes next
_others_ran = 0.0


def let_others_run() -> None:
    """Serve the requests that have arrived, unless this was done within PERIOD. Long computations call it often.

    While this greenlet sleeps, gevent runs the others. A sleep of 0 seconds does not suffice: gevent would run only the
    greenlets that are ready, and check for new requests after fifty of them.

    Of several greenlets that compute, one continues after each check for new requests. Otherwise a new request would
    wait for all of them. The first sleep gives the lock to those that wait for it: they continue in turn.
    """
    global _others_ran
    if monotonic() - _others_ran < PERIOD:
        return
    sleep(PAUSE)
    with _next:
        sleep(PAUSE)
    _others_ran = monotonic()


def paced(items: Iterable[T]) -> Iterator[T]:
    """Yield `items` one by one. Other requests may run between two of them."""
    for number, item in enumerate(items):
        if number:
            let_others_run()
        yield item


def in_batches(items: list[T], size: int | None = None) -> Iterator[list[T]]:
    """Yield `items` in lists of up to `size`, by default BATCH. Other requests may run between two lists."""
    size = size or BATCH
    return paced(items[start : start + size] for start in range(0, len(items), size))
