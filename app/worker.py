"""gunicorn's worker with threads, of which few are at work at a time."""

from collections import deque
from concurrent.futures import Future
from contextlib import suppress
from select import select
from time import monotonic, process_time
from typing import Any

from gunicorn.workers.gthread import ThreadWorker

from app import line

AT_WORK = 3  # threads: one computes, while the others wait for a database that is not far
STALLED = 0.003  # seconds without an answer, by the clock below


def clock() -> float:
    """Seconds, of which those that this process computes count as a tenth: then there is a reason to wait."""
    return monotonic() - 0.9 * process_time()


class Worker(ThreadWorker):
    """Requests wait for one another, and not for the interpreter's lock.

    Threads that are at work all at once get in each other's way: wherever one lets go of that lock, for a system call,
    it wakes another that finds the lock taken again. So only `AT_WORK` threads are, each of which goes from one request
    to the next, and the main thread, which takes requests in, sleeps in between. If none is answered for a while, those
    at work are stuck: they wait for a client or for a lock in the database, or they take long. For each of them another
    may be at work, and one more.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.waiting: deque[tuple[Any, float]] = deque()  # with when they came
        self.working: set[Any] = set()
        self.stuck: set[Any] = set()
        self.answered: deque[tuple[Any, Future[bool]]] = deque()
        self.busy = 0  # threads
        self.progress = clock()

    def accept(self, listener: Any) -> None:
        """Take in new connections, several at a time: they would wait for long while those that are open are served."""
        for _ in range(AT_WORK):
            super().accept(listener)

    def enqueue_req(self, conn: Any) -> None:
        """Take in a connection with a request."""
        self.waiting.append((conn, monotonic()))

    def wait_for_and_dispatch_events(self, timeout: float) -> None:
        if self.waiting:
            select([self.method_queue.fileno()], [], [], min(timeout, STALLED))
            timeout = 0
        super().wait_for_and_dispatch_events(timeout)
        while self.answered:
            self.finish_request(*self.answered.popleft())
        self._begin()

    def _begin(self) -> None:
        """Give threads to those who wait, as far as there is room for them."""
        if self.waiting and clock() - self.progress > STALLED:
            self.stuck |= self.working
        for _ in range(min(len(self.waiting), AT_WORK + 2 * len(self.stuck) - self.busy)):
            self.busy += 1
            self.progress = clock()
            self.tpool.submit(self._work)

    def _work(self) -> None:
        """Answer requests, in a thread, until none waits."""
        with suppress(IndexError):
            while True:
                self._answer(*self.waiting.popleft())
        self.method_queue.defer(self._leave)

    def _answer(self, conn: Any, came: float) -> None:
        line.came.set(came)
        self.working.add(conn)
        result: Future[bool] = Future()
        try:
            result.set_result(self.handle(conn))
        except BaseException as error:
            result.set_exception(error)  # as an executor does: the main thread is to end with SystemExit
        self.progress = clock()
        self.working.remove(conn)  # before it leaves those who are stuck, so that it is not found at work and added
        self.stuck.discard(conn)
        self.answered.append((conn, result))

    def _leave(self) -> None:
        self.busy -= 1
