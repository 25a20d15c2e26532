"""How much one caller may do: writes by key, failed authentication by address. Past it there is 429.

What a client is told of it are the fields of draft-ietf-httpapi-ratelimit-headers-10. A read is not limited and pays
nothing: flask-limiter's own hooks would look at every request.
"""

import logging
from contextlib import nullcontext
from functools import partial
from ipaddress import IPv6Address, IPv6Network, ip_address
from math import ceil
from threading import Lock
from time import time
from typing import Any

from flask import Flask, Response, after_this_request, current_app, g, request
from flask_limiter import Limiter
from limits import RateLimitItem, parse
from limits.errors import StorageError
from werkzeug.exceptions import TooManyRequests

logger = logging.getLogger(__name__)

WRITES, FAILURES = "writes", "failed-authentication"
SENTENCES = {
    WRITES: "A key may write {amount} times in {window} s, and this one has.",
    FAILURES: "An address may come with a wrong key {amount} times in {window} s, and this one has.",
}
# A write does not wait for a Redis that hangs; what goes wrong there is one kind of error.
STORAGE_OPTIONS: dict[str, Any] = {"socket_timeout": 0.25, "socket_connect_timeout": 0.25, "wrap_exceptions": True}


class CallerLimits(Limiter):
    """flask-limiter for the two limits of `app.config`, counted where `count_write` and `count_failure` say so."""

    def __init__(self, app: Flask) -> None:
        self.limits = {WRITES: parse(app.config["RATELIMIT_WRITES"]), FAILURES: parse(app.config["RATELIMIT_FAILURES"])}
        super().__init__(key_func=address, storage_options=STORAGE_OPTIONS)
        # flask-limiter takes itself for registered, and so leaves its hooks out: they would add 37 us to every read.
        app.extensions["limiter"] = {self}
        self.init_app(app)
        app.extensions["limits"] = self
        # Two threads that count at the same moment may both start the timer of the storage in memory, which raises.
        self.lock = Lock() if app.config["RATELIMIT_STORAGE_URI"] == "memory://" else nullcontext()

    def hit(self, name: str, who: str) -> tuple[bool, float, int]:
        """Count one of `name` by `who`: whether it is within the limit, when the window ends, what is left in it."""
        with self.lock:
            within = self.limiter.hit(self.limits[name], name, who)
        return within, *self.limiter.get_window_stats(self.limits[name], name, who)


def init_app(app: Flask) -> None:
    CallerLimits(app)


def count_write(key_digest: str) -> None:
    """Count a request that writes, whatever becomes of it. Raises 429 past the limit of its key."""
    if request.method not in ("GET", "HEAD", "OPTIONS"):
        _count(WRITES, key_digest[:16])  # enough to tell keys apart; the digest itself stays in the database


def count_failure() -> None:
    """Count a key that is not valid. Raises 429 past the limit of its address.

    A valid key is never refused for the wrong ones of a neighbour behind the same address, so the database was asked
    before. This is no protection against guessing, see docs/decisions/0012-limits.md.
    """
    _count(FAILURES, address())


def address() -> str:
    """The client's address; of IPv6 the /64 network, as its last half is the client's to choose."""
    text = request.remote_addr or ""
    try:
        found = ip_address(text)
    except ValueError:
        return text
    if isinstance(found, IPv6Address):
        return str(found.ipv4_mapped or IPv6Network((found, 64), strict=False))
    return text


def _count(name: str, who: str) -> None:
    limiter: CallerLimits = current_app.extensions["limits"]
    try:
        within, end, left = limiter.hit(name, who)
    except StorageError as error:  # to serve without limits is better than not to serve
        fields = {"limit": name, "error": error.storage_error, "request_id": g.request_id}
        logger.warning("not counted", extra=fields)
        return
    limit, seconds = limiter.limits[name], max(1, ceil(end - time()))
    after_this_request(partial(_tell, name, limit, left, seconds))
    if not within:
        sentence = SENTENCES[name].format(amount=limit.amount, window=limit.get_expiry())
        raise TooManyRequests(f"{sentence} Try again in {seconds} s.", retry_after=seconds)


def _tell(name: str, limit: RateLimitItem, left: int, seconds: int, response: Response) -> Response:
    """Write into `response` what the limit is, and what is left of it for how long."""
    response.headers["RateLimit-Policy"] = f'"{name}";q={limit.amount};w={limit.get_expiry()}'
    response.headers["RateLimit"] = f'"{name}";r={left};t={seconds}'
    return response
