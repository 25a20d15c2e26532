"""The line in which requests stand for the database, first come, first served.

A pool lets newcomers overtake those who wait, so that among many of them some never have their turn. `/healthz` and
whatever else asks no database pass by the line. See docs/decisions/0018.
"""

from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from random import uniform
from threading import Lock
from time import monotonic

from flask import Flask, current_app, g, has_request_context
from sqlalchemy import event
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.orm import Session, SessionTransaction

from app.extensions import db


class Line:
    """At most `places` are in at a time; whoever leaves gives the place to the first of those who wait."""

    def __init__(self, places: int, patience: float) -> None:
        self.patience = patience
        self._places = places
        self._waiting: deque[Lock] = deque()
        self._mutex = Lock()

    def enter(self, timeout: float) -> bool:
        """Whether there was a place within `timeout` seconds."""
        with self._mutex:
            if self._places:
                self._places -= 1
                return True
            turn = Lock()
            turn.acquire()
            self._waiting.append(turn)
        came = None
        try:
            came = turn.acquire(timeout=timeout)
        finally:
            if came is None and not self._give_up(turn):  # an exception ended the wait, and nobody else has this turn
                self.leave()
        return came or not self._give_up(turn)

    def leave(self) -> None:
        with self._mutex:
            if self._waiting:
                self._waiting.popleft().release()
            else:
                self._places += 1

    def _give_up(self, turn: Lock) -> bool:
        """Wait no longer; not if it has become our turn this moment."""
        with self._mutex:
            if late := turn in self._waiting:
                self._waiting.remove(turn)
            return late


def init_app(app: Flask) -> None:
    options = app.config["SQLALCHEMY_ENGINE_OPTIONS"]
    app.extensions["line"] = Line(options["pool_size"], options["pool_timeout"])


@contextmanager
def place() -> Iterator[None]:
    """A place, for a request that has none; it waits in all as long as it may once, however often it is in line."""
    if not has_request_context() or g.get("placed"):
        yield
        return
    line = _enter()
    g.placed = True
    try:
        yield
    finally:
        g.placed = False
        line.leave()


@event.listens_for(db.session, "after_transaction_create")
def _begin(session: Session, transaction: SessionTransaction) -> None:
    if not transaction.parent and has_request_context():
        session.info["line"] = _enter()


@event.listens_for(db.session, "after_transaction_end")
def _end(session: Session, transaction: SessionTransaction) -> None:
    if not transaction.parent and (line := session.info.pop("line", None)):
        line.leave()


def _enter() -> Line:
    """The line, with a place in it taken."""
    line: Line = current_app.extensions["line"]
    began = monotonic()
    # Those who came at once do not give up at once, and hold up everybody else with their errors.
    patience = g.get("patience") or uniform(0.8, 1) * line.patience
    if not line.enter(patience):
        raise PoolTimeout(f"no turn within {patience:.1f} seconds")
    g.patience = max(patience - (monotonic() - began), 0.001)
    return line
