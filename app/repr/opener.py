"""Has datasets shown by `app/repr/program.py`: a few at once, for so long and no longer, and none again too soon."""

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
# It has no secrets of ours to give away. Memory for each thread and core would be taken in advance.
ENVIRONMENT = {"MALLOC_ARENA_MAX": "2", "OPENBLAS_NUM_THREADS": "1", "ZARR_THREADING__MAX_WORKERS": "2"}
NEEDED = ("aiohttp", "fsspec", "xarray", "zarr")
PORTS = {"http": 80, "https": 443}
TIMEOUT = 20  # seconds; Heroku's router gives up after 30
AT_ONCE = 2
RETRY_AFTER = 5  # seconds
FRESH, FAILED_FRESH = 600, 60  # seconds
CACHE_MAX = 8 * 1024**2  # bytes

# What became of it: status and the last sentence; the first two are the original's.
ERRORS: dict[str, tuple[type[HTTPException], str]] = {
    "missing": (NotFound, "Dataset not found."),
    "denied": (Forbidden, "Permission denied."),
    "private": (Forbidden, "It leads to an address that is not public."),
    "unreachable": (BadGateway, "Its host cannot be reached, or answered with an error."),
    "unreadable": (BadGateway, "It is not a Zarr store with consolidated metadata that xarray can open."),
    "large": (BadGateway, "It is too large to be shown."),
    "crashed": (BadGateway, "It takes more than there is for it here."),
    "late": (GatewayTimeout, "Its host took too long."),
}


@dataclass(frozen=True)
class Shown:
    html: str = ""
    error: str = ""


class Opener:
    """Shows datasets. `hosts` are those whose urls need not be in the catalogue, and whose addresses may be private."""

    def __init__(self, hosts: list[str]) -> None:
        self.hosts = [host.lower() for host in hosts]
        self.turns = BoundedSemaphore(AT_ONCE)
        self.lock = Lock()  # of the cache, which has none
        self.cache: TLRUCache[str, Shown] = TLRUCache(
            CACHE_MAX,
            ttu=lambda _, shown, now: now + (FAILED_FRESH if shown.error else FRESH),
            getsizeof=lambda shown: sys.getsizeof(shown.html),
        )

    def lists(self, url: str) -> bool:
        """Whether the host of `url` is one of `hosts`, with its port unless that is the scheme's own."""
        parts = urlsplit(over_http(url))
        port = parts.port or PORTS[parts.scheme]
        names = [f"{parts.hostname}:{port}"] + ([str(parts.hostname)] if port == PORTS[parts.scheme] else [])
        return any(
            name == known or (known.startswith(".") and name.endswith(known)) for name in names for known in self.hosts
        )

    def html(self, url: str) -> str:
        """What xarray shows of the dataset at `url`. Raises what ERRORS has; 501 without xarray, 503 past AT_ONCE."""
        if not all(find_spec(name) for name in NEEDED):
            raise exceptions.NotImplemented("xarray is not installed here: pip install -r requirements/repr.txt.")
        with self.lock:
            shown = self.cache.get(url)
        if shown is None:
            shown = self._open(url)
            with self.lock:
                self.cache[url] = shown
        if shown.error:
            error, sentence = ERRORS[shown.error]
            raise error(f"An error occurred while fetching the data from URL: {url}. {sentence}")
        return shown.html

    def _open(self, url: str) -> Shown:
        if not self.turns.acquire(blocking=False):
            sentence = f"{AT_ONCE} datasets are being opened already. Try again in a few seconds."
            raise ServiceUnavailable(sentence, retry_after=RETRY_AFTER)
        try:
            return run(over_http(url), trusted=self.lists(url))
        finally:
            self.turns.release()


def init_app(app: Flask) -> None:
    app.extensions["repr"] = Opener(app.config["REPR_ALLOWED_HOSTS"])


def opener() -> Opener:
    return cast(Opener, current_app.extensions["repr"])


def over_http(url: str) -> str:
    """`url`, or for what S3 has its public https url: so no credentials, and no other endpoints, come into it."""
    scheme, _, rest = url.partition("://")
    bucket, _, key = rest.partition("/")
    return f"https://{bucket}.s3.amazonaws.com/{key}" if scheme == "s3" else url


def run(url: str, trusted: bool) -> Shown:
    """What the program prints; that it ended otherwise is said in the log."""
    asked = json.dumps({"url": url, "trusted": trusted})
    command = [sys.executable, "-I", str(PROGRAM), str(TIMEOUT)]
    try:
        ended = subprocess.run(
            command, input=asked, capture_output=True, text=True, timeout=TIMEOUT, env=ENVIRONMENT, check=True
        )
    except subprocess.TimeoutExpired:
        return Shown(error="late")
    except subprocess.CalledProcessError as error:
        logger.warning("a dataset could not be opened", extra={"exit_code": error.returncode})
        return Shown(error="crashed")
    return Shown(**json.loads(ended.stdout))
