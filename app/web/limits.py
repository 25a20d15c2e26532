"""Limits on callers: writes by key, failed authentication by address. A request past a limit is answered 429.

The headers are those of draft-ietf-httpapi-ratelimit-headers-10. Reads are neither limited nor counted.
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
from limits import RateLimitItem, parse
from limits.errors import StorageError
from limits.storage import storage_from_string
from limits.strategies import FixedWindowRateLimiter
from werkzeug.exceptions import TooManyRequests

logger = logging.getLogger(__name__)

WRITES, FAILURES = "writes", "failed-authentication"
SENTENCES = {
    WRITES: "A key may write {amount} times in {window} s, and this one has.",
    FAILURES: "An address may come with a wrong key or signature {amount} times in {window} s, and this one has.",
}
# A write does not wait for a Redis that hangs. Every error of the storage is raised as StorageError.
STORAGE_OPTIONS: dict[str, Any] = {"socket_timeout": 0.25, "socket_connect_timeout": 0.25, "wrap_exceptions": True}


class CallerLimits:
    """The two limits of `config`, counted in fixed windows in the storage that RATELIMIT_STORAGE_URI names."""

    def __init__(self, config: dict[str, Any]) -> None:
        uri = config["RATELIMIT_STORAGE_URI"]
        self.limits = {WRITES: parse(config["RATELIMIT_WRITES"]), FAILURES: parse(config["RATELIMIT_FAILURES"])}
        self.limiter = FixedWindowRateLimiter(storage_from_string(uri, **STORAGE_OPTIONS))
        self.storage = self.limiter.storage
        # Two threads that count at the same moment may both start the timer of the storage in memory, which raises.
        self.lock = Lock() if uri == "memory://" else nullcontext()

    def hit(self, name: str, caller: str, cost: int) -> tuple[bool, int, int]:
        """Count `cost` for `caller`: whether that is within the limit, the seconds until the window ends, the rest.

        If the clock was set back, the window would end later than a new one. Then a new one begins.
        """
        within, seconds, left = self._count(name, caller, cost)
        if seconds > self.limits[name].get_expiry() + 1:  # 1 for the rounding
            self.limiter.clear(self.limits[name], name, caller)
            within, seconds, left = self._count(name, caller, cost)
        return within, seconds, left

    def _count(self, name: str, caller: str, cost: int) -> tuple[bool, int, int]:
        with self.lock:
            within = self.limiter.hit(self.limits[name], name, caller, cost=cost)
        end, left = self.limiter.get_window_stats(self.limits[name], name, caller)
        return within, max(1, ceil(end - time())), left


def init_app(app: Flask) -> None:
    app.extensions["limits"] = CallerLimits(app.config)


def count_write(key_digest: str, number: int = 1) -> None:
    """Count a request that writes, or `number` records of it, whether or not it succeeds. Raises 429 past the limit."""
    if number and request.method not in ("GET", "HEAD", "OPTIONS"):
        _count(WRITES, key_digest[:20], number)  # enough to tell keys apart; the digest itself stays in the database


def count_failure() -> None:
    """Count a request with an invalid key or signature. Raises 429 past the limit of its address.

    The key is looked up before this, because a valid key must not be refused for the invalid keys of other clients
    behind the same address. So the limit does not stop an attacker, see docs/decisions/0012-limits.md.
    """
    _count(FAILURES, address(), 1)


def address() -> str:
    """The client's address. For IPv6 it is the /64 network, because a client can choose the last 64 bits itself."""
    text = request.remote_addr or ""
    try:
        found = ip_address(text)
    except ValueError:
        return text
    if isinstance(found, IPv6Address):
        return str(found.ipv4_mapped or IPv6Network((found, 64), strict=False))
    return text


def _count(name: str, caller: str, cost: int) -> None:
    limits: CallerLimits = current_app.extensions["limits"]
    try:
        within, seconds, left = limits.hit(name, caller, cost)
    except StorageError as error:  # it is better to serve without limits than not to serve
        fields = {"limit": name, "error": error.storage_error, "request_id": g.request_id}
        logger.warning("not counted", extra=fields)
        return
    limit = limits.limits[name]
    after_this_request(partial(_add_headers, name, limit, left, seconds))
    if not within:
        sentence = SENTENCES[name].format(amount=limit.amount, window=limit.get_expiry())
        raise TooManyRequests(f"{sentence} Try again in {seconds} s.", retry_after=seconds)


def _add_headers(name: str, limit: RateLimitItem, left: int, seconds: int, response: Response) -> Response:
    """Add the limit to `response`, and how many requests are left in how many seconds."""
    response.headers["RateLimit-Policy"] = f'"{name}";q={limit.amount};w={limit.get_expiry()}'
    response.headers["RateLimit"] = f'"{name}";r={left};t={seconds}'
    return response
