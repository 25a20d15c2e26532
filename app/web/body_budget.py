"""How many bytes of request bodies a process holds in memory at a time. A request that would exceed them is 503."""

from threading import Lock

from flask import Flask, current_app, g, request
from werkzeug.exceptions import ServiceUnavailable

from app.errors import RETRY_AFTER
from config import BODY_BUDGET


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
    app.teardown_request(release)


def reserve() -> None:
    """Take the bytes of this request's body, until the request ends. Raises 503 if there are too few left."""
    size, most = request.content_length, request.max_content_length or 0
    if size is None:  # nobody knows how long a chunked body will be
        size = most if "Transfer-Encoding" in request.headers else 0
    size = min(size, most)  # a longer body is refused, not read
    if not current_app.extensions["body_budget"].take(size):
        sentence = "The service is reading as many request bodies as it has memory for. Try again in a few seconds."
        raise ServiceUnavailable(sentence, retry_after=RETRY_AFTER)
    g.body_bytes = size


def release(_error: BaseException | None) -> None:
    current_app.extensions["body_budget"].give_back(g.pop("body_bytes", 0))
