"""Runs the program for a dataset, with a queue, a limit of processes, a timeout and a cache."""

import logging
import sys
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from threading import BoundedSemaphore, Lock
from time import monotonic
from typing import cast
from urllib.parse import urlsplit

import orjson
from cachetools import TLRUCache
from flask import Flask, current_app
from werkzeug import exceptions
from werkzeug.exceptions import BadGateway, Forbidden, GatewayTimeout, HTTPException, NotFound, ServiceUnavailable

from app.repr import process

logger = logging.getLogger(__name__)

PROGRAM = Path(__file__).parent  # `__main__.py` runs the package `program`
PACKAGES = ("aiohttp", "fsspec", "xarray", "zarr")
BUCKETS = {
    "s3": "https://{}.s3.amazonaws.com/{}",
    "gs": "https://storage.googleapis.com/{}/{}",
    "gcs": "https://storage.googleapis.com/{}/{}",
}
PORTS = {"http": 80, "https": 443}
# Seconds to wait in the queue and to open. The router of Heroku times out after 30, and a request may have waited for a
# database connection before.
TIMEOUT = 20
QUEUE_TIMEOUT = 15  # seconds of TIMEOUT that a request may wait in the queue; most datasets open in two
PROCESSES_MAX = 2  # each takes 100 MB
QUEUE_MAX = 16  # requests; a page of the original's website sends six at once
RETRY_AFTER = 5  # seconds
MAX_AGE, ERROR_MAX_AGE = 600, 60  # seconds in the cache
CACHE_MAX = 8 * 1024**2  # bytes
HTML_MAX = 1024**2  # characters, as in the program

# The errors of the program: exception and last sentence of `detail`. The first two sentences are those of the original.
ERRORS: dict[str, tuple[type[HTTPException], str]] = {
    "missing": (NotFound, "Dataset not found."),
    "denied": (Forbidden, "Permission denied."),
    "private": (Forbidden, "It leads to an address that is not public."),
    "unreachable": (BadGateway, "Its host cannot be reached, or answered with an error."),
    "unreadable": (
        BadGateway,
        "xarray cannot open it as a Zarr store with consolidated metadata or as Kerchunk JSON.",
    ),
    "netcdf": (BadGateway, "It is a NetCDF or HDF5 file, and this service does not show those."),
    "parquet": (BadGateway, "It has Kerchunk references in Parquet, and this service does not show those."),
    "codec": (BadGateway, "It is compressed or encoded by a codec that this service does not run."),
    "large": (BadGateway, "It is too large to be shown."),
    "crashed": (BadGateway, "It needs more memory or time than the service allows."),
    "late": (GatewayTimeout, "Its host took too long."),
}


@dataclass(frozen=True)
class Result:
    """The HTML of a dataset, or a key of ERRORS."""

    html: str = ""
    error: str = ""


class Opener:
    """Opens datasets. A dataset on one of `hosts` need not be in the catalogue, and their addresses may be private."""

    def __init__(self, hosts: list[str]) -> None:
        self.hosts = [host.lower() for host in hosts]
        self.slots = BoundedSemaphore(PROCESSES_MAX)
        self.queue = BoundedSemaphore(PROCESSES_MAX + QUEUE_MAX)
        self.lock = Lock()  # the cache is not thread-safe
        self.cache: TLRUCache[str, Result] = TLRUCache(
            CACHE_MAX,
            ttu=lambda _, result, now: now + (ERROR_MAX_AGE if result.error else MAX_AGE),
            getsizeof=lambda result: sys.getsizeof(result.html),
        )

    def allows(self, url: str) -> bool:
        """Whether the host of `url` is one of `hosts`. An entry without a port allows the default port only."""
        parts = urlsplit(over_http(url))
        port = parts.port or PORTS[parts.scheme]
        names = [f"{parts.hostname}:{port}"] + ([str(parts.hostname)] if port == PORTS[parts.scheme] else [])
        return any(
            name == host or (host.startswith(".") and name.endswith(host)) for name in names for host in self.hosts
        )

    def html(self, url: str) -> str:
        """Return the HTML of a dataset. Raises an exception of ERRORS, 501 without xarray, 503 if the queue is full."""
        if not all(find_spec(name) for name in PACKAGES):
            raise exceptions.NotImplemented("xarray is not installed here: pip install -r requirements/repr.txt.")
        result = self._cached(url) or self._open(url)
        if result.error:
            error, sentence = ERRORS[result.error]
            raise error(f"An error occurred while fetching the data from URL: {url}. {sentence}")
        return result.html

    def _cached(self, url: str) -> Result | None:
        with self.lock:
            return self.cache.get(url)

    def _open(self, url: str) -> Result:
        """Open the dataset as soon as fewer than PROCESSES_MAX are being opened. Other requests run meanwhile."""
        started = monotonic()
        if not self.queue.acquire(blocking=False):
            raise busy()
        try:
            if not self.slots.acquire(timeout=QUEUE_TIMEOUT):
                raise busy()
            try:
                # While this request waited, another one may have opened the same dataset.
                return self._cached(url) or self._run(url, TIMEOUT - (monotonic() - started))
            finally:
                self.slots.release()
        finally:
            self.queue.release()

    def _run(self, url: str, remaining: float) -> Result:
        seconds = max(round(remaining), 1)
        result = run(over_http(url), trusted=self.allows(url), seconds=seconds)
        if result.error != "late" or seconds == TIMEOUT:  # with more time, the next request may open it
            with self.lock:
                self.cache[url] = result
        return result


def busy() -> ServiceUnavailable:
    sentence = f"The service is opening {PROCESSES_MAX} datasets, and others wait. Try again in a few seconds."
    return ServiceUnavailable(sentence, retry_after=RETRY_AFTER)


def init_app(app: Flask) -> None:
    app.extensions["repr"] = Opener(app.config["REPR_ALLOWED_HOSTS"])


def opener() -> Opener:
    return cast(Opener, current_app.extensions["repr"])


def over_http(url: str) -> str:
    """Return `url`, or for a bucket its public https url, so that neither credentials nor other endpoints are used."""
    scheme, _, rest = url.partition("://")
    bucket, _, key = rest.partition("/")
    return BUCKETS[scheme].format(bucket, key) if scheme in BUCKETS else url


def run(url: str, trusted: bool, seconds: int) -> Result:
    """Run the program for at most `seconds` and return its result. A crash is logged."""
    output = process.run(PROGRAM, {"url": url, "trusted": trusted}, seconds)
    return Result(error=output.error) if output.error else _result(output.written)


def _result(output: bytes) -> Result:
    """Return the result in the output of the program. A store may have taken it over, so other output is a crash."""
    try:
        answer = orjson.loads(output)
    except orjson.JSONDecodeError:
        answer = None
    match answer:
        case {"html": str(html)} if len(html) <= HTML_MAX:
            return Result(html)
        case {"error": str(error)} if error in ERRORS:
            return Result(error=error)
    logger.warning("the result of opening a dataset is not valid")
    return Result(error="crashed")
