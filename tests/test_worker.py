"""How many requests of a worker are at work at a time."""

import time

import pytest
from gunicorn.config import Config
from gunicorn.workers import base
from gunicorn.workers.gthread import ThreadWorker

from app import worker
from app.worker import Worker


@pytest.fixture
def begun(monkeypatch):
    """The requests that were given to a thread, in that order."""
    conns = []
    monkeypatch.setattr(base, "WorkerTmp", lambda _cfg: None)  # the file of heartbeats
    monkeypatch.setattr(ThreadWorker, "enqueue_req", lambda _self, conn: conns.append(conn))
    monkeypatch.setattr(ThreadWorker, "finish_request", lambda *_: None)
    monkeypatch.setattr(ThreadWorker, "wait_for_and_dispatch_events", lambda _self, timeout: time.sleep(timeout))
    return conns


@pytest.fixture
def crowd(begun, monkeypatch):
    """A worker for two at a time to which six requests have come, and an hour in which none is late."""
    monkeypatch.setattr(worker, "STALLED", 3600)
    monkeypatch.setattr(Worker, "at_work", 2)
    found = Worker(0, 0, [], None, 30, Config(), None)
    for conn in range(6):
        found.enqueue_req(conn)
    return found


def test_the_others_wait_for_one_to_be_answered(crowd, begun):
    assert begun == [0, 1]
    crowd.finish_request(1, None)
    assert begun == [0, 1, 2]
    crowd.finish_request(0, None)
    crowd.finish_request(2, None)
    assert begun == [0, 1, 2, 3, 4]


def test_nobody_waits_when_none_is_answered(crowd, begun, monkeypatch):
    monkeypatch.setattr(worker, "STALLED", 0.01)
    crowd.wait_for_and_dispatch_events(1)
    assert begun == [0, 1, 2, 3, 4, 5]


def test_those_who_are_stuck_leave_room_for_others(crowd, begun, monkeypatch):
    monkeypatch.setattr(worker, "STALLED", 0.01)
    crowd.wait_for_and_dispatch_events(1)
    monkeypatch.setattr(worker, "STALLED", 3600)
    for conn in (5, 4):  # which were not stuck
        crowd.finish_request(conn, None)
    for conn in range(6, 10):
        crowd.enqueue_req(conn)
    assert begun[6:] == [6, 7]


def test_once_they_are_answered_two_are_at_work_again(crowd, begun, monkeypatch):
    monkeypatch.setattr(worker, "STALLED", 0.01)
    crowd.wait_for_and_dispatch_events(1)
    time.sleep(0.02)
    for conn in range(6):
        crowd.finish_request(conn, None)
    monkeypatch.setattr(worker, "STALLED", 3600)
    for conn in range(6, 10):
        crowd.enqueue_req(conn)
    assert begun[6:] == [6, 7]


def test_a_worker_with_nothing_to_do_sleeps(begun, monkeypatch):
    idle, slept = Worker(0, 0, [], None, 30, Config(), None), []
    monkeypatch.setattr(ThreadWorker, "wait_for_and_dispatch_events", lambda _self, timeout: slept.append(timeout))
    idle.wait_for_and_dispatch_events(1)
    assert (slept, begun) == ([1], [])
