"""How many requests of a worker are at work at a time."""

import selectors
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from types import SimpleNamespace

import pytest
from gunicorn.config import Config
from gunicorn.workers import base

from app import line, worker
from app.worker import Worker
from tests.dyno import wait_until


class Crowd:
    """A worker for two at a time, and requests to it: numbers, which are answered when they are told to be."""

    def __init__(self):
        self.begun, self.finished, self.came = [], [], {}
        self.answers = [threading.Event() for _ in range(10)]
        self.worker = Worker(0, 0, [], None, 30, Config(), None)
        self.worker.handle = self.handle
        self.worker.finish_request = lambda number, result: self.finished.append((number, result.result()))

    def __enter__(self):
        # As gunicorn's own `init_process` and `run` do.
        self.worker.tpool = ThreadPoolExecutor(len(self.answers))
        self.worker.poller = selectors.DefaultSelector()
        self.worker.method_queue.init()
        self.worker.poller.register(
            self.worker.method_queue.fileno(), selectors.EVENT_READ, self.worker.method_queue.run_callbacks
        )
        return self

    def __exit__(self, *_):
        self.answer(*range(len(self.answers)))
        with closing(self.worker.method_queue), closing(self.worker.poller):
            self.worker.tpool.shutdown()

    def handle(self, number):
        self.begun.append(number)
        self.came[number] = line.came.get()
        assert self.answers[number].wait(10)
        return f"answer {number}"

    def come(self, *numbers):
        for number in numbers:
            self.worker.enqueue_req(number)

    def answer(self, *numbers):
        for number in numbers:
            self.answers[number].set()

    def go_on(self):
        """Let the main thread look once for what there is to do."""
        self.worker.wait_for_and_dispatch_events(0.01)

    def until(self, condition):
        """Let the main thread go on until `condition` holds, and a moment longer."""
        wait_until(lambda: self.go_on() or condition())
        for _ in range(5):
            self.go_on()


@pytest.fixture
def crowd(monkeypatch):
    """Six requests that have come, and an hour in which nobody notices that none is answered."""
    monkeypatch.setattr(base, "WorkerTmp", lambda _cfg: None)  # the file of heartbeats
    monkeypatch.setattr(worker, "STALLED", 3600)
    monkeypatch.setattr(worker, "AT_WORK", 2)
    with Crowd() as found:
        found.come(*range(6))
        yield found


def test_the_others_wait_for_one_to_be_answered(crowd):
    crowd.until(lambda: len(crowd.begun) == 2)
    assert sorted(crowd.begun) == [0, 1]
    crowd.answer(1)
    crowd.until(lambda: crowd.finished == [(1, "answer 1")])
    assert crowd.begun[2:] == [2]
    crowd.answer(0, 2)
    crowd.until(lambda: len(crowd.finished) == 3)
    assert sorted(crowd.begun[3:]) == [3, 4]


def test_a_thread_goes_from_one_to_the_next_without_the_main_thread(crowd):
    crowd.answer(*range(6))
    crowd.go_on()
    wait_until(lambda: len(crowd.worker.answered) == 6)
    assert crowd.finished == []


def test_others_begin_for_those_that_are_stuck(crowd, monkeypatch):
    crowd.until(lambda: len(crowd.begun) == 2)
    monkeypatch.setattr(worker, "STALLED", 0.01)
    crowd.until(lambda: len(crowd.begun) == 6)
    assert sorted(crowd.begun) == [0, 1, 2, 3, 4, 5]
    assert crowd.finished == []


def test_once_they_are_answered_two_are_at_work_again(crowd, monkeypatch):
    monkeypatch.setattr(worker, "STALLED", 0.01)
    crowd.until(lambda: len(crowd.begun) == 6)
    crowd.answer(*range(6))
    crowd.until(lambda: len(crowd.finished) == 6)
    monkeypatch.setattr(worker, "STALLED", 3600)
    crowd.come(6, 7, 8, 9)
    crowd.until(lambda: len(crowd.begun) == 8)
    assert sorted(crowd.begun[6:]) == [6, 7]


def test_while_the_worker_computes_that_takes_ten_times_as_long(crowd, monkeypatch):
    monkeypatch.setattr(worker, "STALLED", 0.05)
    monkeypatch.setattr(worker, "process_time", time.monotonic)  # as if it did all the time
    crowd.go_on()
    began = time.monotonic()
    crowd.until(lambda: len(crowd.begun) == 6)
    assert time.monotonic() - began > 0.4


def test_what_comes_while_a_thread_leaves_is_answered(crowd):
    crowd.answer(*range(10))
    crowd.go_on()
    wait_until(lambda: len(crowd.worker.answered) == 6)
    crowd.come(6, 7, 8, 9)  # both threads are still counted
    crowd.until(lambda: len(crowd.finished) == 10)
    assert sorted(crowd.finished) == [(number, f"answer {number}") for number in range(10)]


def test_a_request_knows_when_it_came(crowd):
    answered = time.monotonic()
    crowd.answer(*range(6))
    crowd.until(lambda: len(crowd.finished) == 6)
    assert all(came < answered for came in crowd.came.values())


def test_some_connections_are_accepted_at_once(crowd):
    crowd.worker.waiting.clear()
    with socket.create_server(("127.0.0.1", 0)) as listener, ExitStack() as stack:
        listener.setblocking(False)
        for _ in range(3):
            stack.enter_context(socket.create_connection(listener.getsockname()))
        for waiting in (2, 3, 3):
            crowd.worker.accept(listener)
            assert len(crowd.worker.waiting) == waiting
        while crowd.worker.waiting:
            crowd.worker.waiting.popleft()[0].close()


def test_the_end_of_the_worker_is_told_to_the_main_thread(crowd):
    def end(_number):
        raise SystemExit

    crowd.worker.handle = end
    crowd.answer(*range(6))
    with pytest.raises(SystemExit):
        crowd.until(lambda: len(crowd.finished) == 6)


def test_a_worker_with_nothing_to_do_sleeps(crowd, monkeypatch):
    crowd.answer(*range(6))
    crowd.until(lambda: len(crowd.finished) == 6)
    slept = []
    with closing(crowd.worker.poller):
        crowd.worker.poller = SimpleNamespace(select=lambda timeout: slept.append(timeout) or [], close=lambda: None)
        crowd.worker.wait_for_and_dispatch_events(1)
    assert slept == [1]
