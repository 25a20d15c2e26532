"""Runs `app/repr/program.py` for a dataset, with a limit of processes, a timeout and a cache of the results."""

import json
import logging
import subprocess
import sys
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from threading import BoundedSemaphore, Lock
from typing import cast
from urllib.parse import urlsplit

from cachetools import TLRUCache
from flask import Flask, current_app
from werkzeug import exceptions
from werkzeug.exceptions import BadGateway, Forbidden, GatewayTimeout, HTTPException, NotFound, ServiceUnavailable

logger = logging.getLogger(__name__)

PROGRAM = Path(__file__).with_name("program.py")
# The environment of the program, without secrets. The variables limit the memory that libraries reserve per thread.
ENVIRONMENT = {"MALLOC_ARENA_MAX": "2", "OPENBLAS_NUM_THREADS": "1", "ZARR_THREADING__MAX_WORKERS": "2"}
PACKAGES = ("aiohttp", "fsspec", "xarray", "zarr")
PORTS = {"http": 80, "https": 443}
TIMEOUT = 20  # seconds; the router of Heroku times out after 30
PROCESSES_MAX = 2
RETRY_AFTER = 5  # seconds
MAX_AGE, ERROR_MAX_AGE = 600, 60  # seconds in the cache
CACHE_MAX = 8 * 1024**2  # bytes

# The errors of the program: exception and last sentence of `detail`. The first two sentences are those of the original.
ERRORS: dict[str, tuple[type[HTTPException], str]] = {
    "missing": (NotFound, "Dataset not found."),
    "denied": (Forbidden, "Permission denied."),
    "private": (Forbidden, "It leads to an address that is not public."),
    "unreachable": (BadGateway, "Its host cannot be reached, or answered with an error."),
    "unreadable": (BadGateway, "It is not a Zarr store with consolidated metadata that xarray can open."),
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
        """Return the HTML of a dataset. Raises an exception of ERRORS, 501 without xarray, 503 without a free slot."""
        if not all(find_spec(name) for name in PACKAGES):
            raise exceptions.NotImplemented("xarray is not installed here: pip install -r requirements/repr.txt.")
        with self.lock:
            result = self.cache.get(url)
        if result is None:
            result = self._open(url)
            with self.lock:
                self.cache[url] = result
        if result.error:
            error, sentence = ERRORS[result.error]
            raise error(f"An error occurred while fetching the data from URL: {url}. {sentence}")
        return result.html

    def _open(self, url: str) -> Result:
        if not self.slots.acquire(blocking=False):
            sentence = f"The service is opening {PROCESSES_MAX} datasets already. Try again in a few seconds."
            raise ServiceUnavailable(sentence, retry_after=RETRY_AFTER)
        try:
            return run(over_http(url), trusted=self.allows(url))
        finally:
            self.slots.release()


def init_app(app: Flask) -> None:
    app.extensions["repr"] = Opener(app.config["REPR_ALLOWED_HOSTS"])


def opener() -> Opener:
    return cast(Opener, current_app.extensions["repr"])


def over_http(url: str) -> str:
    """Return `url`, or the public https url of an s3 url, so that neither credentials nor other endpoints are used."""
    scheme, _, rest = url.partition("://")
    bucket, _, key = rest.partition("/")
    return f"https://{bucket}.s3.amazonaws.com/{key}" if scheme == "s3" else url


def run(url: str, trusted: bool) -> Result:
    """Run the program and return its result. A crash is logged."""
    request = json.dumps({"url": url, "trusted": trusted})
    command = [sys.executable, "-I", str(PROGRAM)]
    try:
        process = subprocess.run(
            command, input=request, capture_output=True, text=True, timeout=TIMEOUT, env=ENVIRONMENT, check=True
        )
    except subprocess.TimeoutExpired:
        return Result(error="late")
    except subprocess.CalledProcessError as error:
        logger.warning("opening a dataset crashed", extra={"exit_code": error.returncode})
        return Result(error="crashed")
    return Result(**json.loads(process.stdout))
