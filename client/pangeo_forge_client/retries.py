"""Which requests are sent again, and after how many seconds."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime

import httpx

REFUSED = {429, 503}  # the service refuses the request, nearly always without having begun it
UNCONFIRMED = {502, 503, 504}  # the database or the service did not answer in time; the request may yet be carried out
NOT_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)
NO_ANSWER = (httpx.NetworkError, httpx.TimeoutException, httpx.RemoteProtocolError)


@dataclass(frozen=True)
class Retries:
    """Up to `attempts` times: after `Retry-After`, or else after `backoff` seconds, and twice as long each time.

    `Retry-After` of more than `longest` seconds is not waited for.
    """

    attempts: int = 5
    backoff: float = 0.5
    longest: float = 120.0
    sleep: Callable[[float], None] = time.sleep

    def wait(self, attempt: int, method: str, outcome: httpx.Response | httpx.TransportError, lost: bool) -> float:
        """The seconds until the next attempt; -1 if there is none.

        `lost` says that an earlier attempt may have been carried out. A DELETE without an answer is not repeated,
        because the second would be answered with 404 if the first was carried out. A POST always has an
        Idempotency-Key, and the other methods do no harm.
        """
        if attempt >= self.attempts or not _may_repeat(method, outcome, lost):
            return -1
        pause = self.backoff * 2 ** (attempt - 1) * random.uniform(0.75, 1.25)
        if isinstance(outcome, httpx.Response):
            pause = max(pause, _retry_after(outcome))
        return pause if pause <= self.longest else -1


def is_lost(outcome: httpx.Response | httpx.TransportError) -> bool:
    """Whether the request may have been carried out, or may still be in progress, although nothing confirms it."""
    return isinstance(outcome, httpx.TransportError) or outcome.status_code in UNCONFIRMED


def _may_repeat(method: str, outcome: httpx.Response | httpx.TransportError, lost: bool) -> bool:
    if isinstance(outcome, httpx.TransportError):
        return isinstance(outcome, NOT_SENT) or (isinstance(outcome, NO_ANSWER) and method != "DELETE")
    status = outcome.status_code
    if status == 409 and method == "POST":
        return lost  # the first attempt may still be in progress
    return status in REFUSED or (status in UNCONFIRMED and method != "DELETE")


def _retry_after(response: httpx.Response) -> float:
    """The seconds in `Retry-After`, which is a number or a date (RFC 9110, section 10.2.3); 0 without it."""
    text = response.headers.get("Retry-After", "")
    if text.isdecimal():
        return float(text)
    try:
        date = parsedate_to_datetime(text)
    except ValueError:
        return 0
    return (date.replace(tzinfo=date.tzinfo or timezone.utc) - datetime.now(timezone.utc)).total_seconds()
