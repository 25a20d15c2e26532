"""The connections to the database, for which requests stand in line: first come, first served, for a limited time.

SQLAlchemy's own pool lets newcomers overtake those who wait, so that among many of them some never have their turn.
`/healthz` and whatever else asks no database need none. See docs/decisions/0018.
"""

from collections import deque
from queue import Empty, SimpleQueue
from random import uniform
from threading import RLock
from time import monotonic
from typing import Any

from flask import g, has_request_context
from sqlalchemy import Pool
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.pool import ConnectionPoolEntry

Place = ConnectionPoolEntry | None  # None where no connection has been made yet


class FairPool(Pool):
    """At most `pool_size` connections; whoever gives one back gives it to the first of those who wait."""

    def __init__(self, creator: Any, pool_size: int = 5, patience: float = 30, **options: Any) -> None:
        super().__init__(creator, **options)
        self.size = pool_size
        self.patience = patience
        self._free: list[Place] = [None] * pool_size
        self._waiting: deque[SimpleQueue[Place]] = deque()
        self._mutex = RLock()  # who collects garbage inside of it may give a connection back

    def checkedout(self) -> int:
        return self.size - len(self._free)

    def status(self) -> str:
        return f"{self.checkedout()} of {self.size} connections are in use, {len(self._waiting)} wait"

    def recreate(self) -> "FairPool":
        return FairPool(
            self._creator,
            self.size,
            self.patience,
            recycle=self._recycle,
            echo=self.echo,
            logging_name=self._orig_logging_name,
            reset_on_return=self._reset_on_return,
            dialect=self._dialect,
            pre_ping=self._pre_ping,
            _dispatch=self.dispatch,
        )

    def dispose(self) -> None:
        with self._mutex:
            closing, self._free = self._free, [None] * len(self._free)
        for connection in filter(None, closing):
            connection.close()

    def _do_get(self) -> ConnectionPoolEntry:
        if connection := self._take():
            return connection
        try:
            return self._create_connection()
        except BaseException:
            self._give(None)
            raise

    def _do_return_conn(self, record: ConnectionPoolEntry) -> None:
        self._give(record)

    def _take(self) -> Place:
        with self._mutex:
            if self._free:
                return self._free.pop()  # the one that was in use last
            turn: SimpleQueue[Place] = SimpleQueue()
            self._waiting.append(turn)
        try:
            return self._wait(turn)
        except Empty:
            with self._mutex:
                self._leave(turn)
                if self._free:  # it came in this moment
                    return self._free.pop()
            raise PoolTimeout(f"no connection within {self.patience} seconds") from None
        except BaseException:
            self._leave(turn)
            raise

    def _give(self, place: Place) -> None:
        with self._mutex:
            if self._waiting:
                self._waiting.popleft().put(place)
            else:
                self._free.append(place)

    def _wait(self, turn: "SimpleQueue[Place]") -> Place:
        """A request waits in all as long as it may once, however often it is in line."""
        if not has_request_context():
            return turn.get(timeout=self.patience)
        began = monotonic()
        # Those who came at once do not give up at once, and hold up everybody else with their errors.
        patience = g.get("patience") or uniform(0.8, 1) * self.patience
        try:
            return turn.get(timeout=patience)
        finally:
            g.patience = max(patience - (monotonic() - began), 0.001)

    def _leave(self, turn: "SimpleQueue[Place]") -> None:
        with self._mutex:
            if turn in self._waiting:
                self._waiting.remove(turn)
            else:  # it has become our turn
                self._give(turn.get_nowait())
