"""gunicorn's worker with threads, of which few are at work at a time."""

from collections import deque
from concurrent.futures import Future
from time import monotonic
from typing import Any

from gunicorn.workers.gthread import ThreadWorker

STALLED = 0.005  # seconds without an answer


class Worker(ThreadWorker):
    """Requests wait for one another, and not for the interpreter's lock.

    Threads that are at work all at once get in each other's way: wherever one lets go of that lock, for a system call,
    it wakes another that finds the lock taken again. So only `at_work` requests have a thread, and the others wait for
    one of those to be answered. If none is, they seem to wait themselves, for a client or for a lock in the database:
    then all the others begin, while there are threads. All of this happens in the main thread.
    """

    at_work = 4  # as many as there are connections to the database; gunicorn.conf.py says how many

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.waiting: deque[Any] = deque()
        self.began: dict[Any, float] = {}  # by connection
        self.stuck = 0
        self.progress = monotonic()

    def enqueue_req(self, conn: Any) -> None:
        """Take in a connection with a request."""
        self.waiting.append(conn)
        self._begin()

    def finish_request(self, conn: Any, fs: Future[Any]) -> None:
        self.progress = monotonic()
        if self.progress - self.began.pop(conn) > STALLED:
            self.stuck = max(self.stuck - 1, 0)
        super().finish_request(conn, fs)
        self._begin()

    def wait_for_and_dispatch_events(self, timeout: float) -> None:
        super().wait_for_and_dispatch_events(min(timeout, STALLED) if self.waiting else timeout)
        if self.waiting and monotonic() - self.progress > STALLED:
            self.stuck += len(self.waiting)
            self._begin()

    def _begin(self) -> None:
        """Give threads to those who wait, as far as there is room for them."""
        while self.waiting and len(self.began) < self.at_work + self.stuck:
            conn = self.waiting.popleft()
            self.began[conn] = self.progress = monotonic()
            super().enqueue_req(conn)
