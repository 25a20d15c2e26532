"""How many bytes of request bodies a process holds in memory at a time. A request that would exceed them is 503.

The body of a signed request must be read before its signature can be checked. Such bodies have a separate budget,
so that strangers cannot use up that of callers with a key.
"""

from threading import Lock

from flask import Flask, current_app, g, request
from werkzeug.exceptions import ServiceUnavailable

from app.errors import RETRY_AFTER
from config import BODY_BUDGET, SIGNED_BODY_BUDGET


class Budget:
    def __init__(self, size: int) -> None:
        self.left = size
        self._lock = Lock()

    def take(self, size: int) -> bool:
        """Whether there were that many bytes left."""
        with self._lock:
            if size > self.left:
                return False
            self.left -= size
            return True

    def give_back(self, size: int) -> None:
        with self._lock:
            self.left += size


def init_app(app: Flask) -> None:
    app.extensions["body_budget"] = Budget(BODY_BUDGET)
    app.extensions["signed_body_budget"] = Budget(SIGNED_BODY_BUDGET)
    app.teardown_request(release)


def reserve(name: str = "body_budget") -> None:
    """Take the bytes of this request's body, until the request ends. Raises 503 if there are too few left.

    The second call in a request does nothing.
    """
    if "body" in g:
        return
    size, most = request.content_length, request.max_content_length or 0
    if size is None:  # the length of a chunked body is unknown
        size = most if "Transfer-Encoding" in request.headers else 0
    size = min(size, most)  # a longer body is refused, not read
    if not current_app.extensions[name].take(size):
        sentence = "The service is reading as many request bodies as it has memory for. Try again in a few seconds."
        raise ServiceUnavailable(sentence, retry_after=RETRY_AFTER)
    g.body = name, size


def release(_error: BaseException | None) -> None:
    if "body" in g:
        name, size = g.pop("body")
        current_app.extensions[name].give_back(size)
