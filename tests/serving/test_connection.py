"""Time limits of a connection: for its first byte, for a request, and while it is idle."""

from contextlib import ExitStack, closing, contextmanager

import gevent
import gevent.socket
import pytest
from gunicorn.config import Config
from gunicorn.http import RequestParser
from gunicorn.http.errors import LimitRequestHeaders

from app.serving import connection
from app.serving.connection import Connection, release_idle, release_oldest

TWO_REQUESTS = b"GET / HTTP/1.1\r\nHost: x\r\n\r\nPOST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n"


@contextmanager
def connected():
    """The two sides of a connection: the server's and the client's."""
    near, far = gevent.socket.socketpair()
    with closing(near), closing(far):
        yield Connection(near), far


def receiving(near):
    """A greenlet that waits for data."""
    greenlet = gevent.spawn(near.recv, 100)
    gevent.sleep(0.01)
    return greenlet


def requests_of(near):
    return RequestParser(Config(), near, ("127.0.0.1", 1))


def answered(near, request):
    near.serve(request)
    near.finish()


def test_a_connection_without_a_first_byte_is_closed(monkeypatch):
    monkeypatch.setattr(connection, "FIRST_BYTE_TIMEOUT", 0.1)
    with connected() as (near, _):
        assert near.recv(100) == b""
        assert not connection.waiting


def test_the_deadline_of_a_request_starts_with_its_first_byte(monkeypatch):
    monkeypatch.setattr(connection, "REQUEST_TIMEOUT", 0.3)
    with connected() as (near, far):
        first = receiving(near)
        gevent.sleep(0.5)
        far.sendall(b"the first")
        assert first.get() == b"the first"
        assert near.recv(100) == b""
        far.sendall(b"late")
        assert near.recv(100) == b""


def test_no_deadline_runs_between_two_requests(monkeypatch):
    monkeypatch.setattr(connection, "REQUEST_TIMEOUT", 0.2)
    with connected() as (near, far):
        far.sendall(TWO_REQUESTS.partition(b"POST")[0])
        answered(near, next(requests_of(near)))
        waits = receiving(near)
        gevent.sleep(0.4)
        assert list(connection.waiting) == [near]
        far.sendall(b"GET")
        assert waits.get() == b"GET"


def test_the_body_of_a_pipelined_request_has_its_own_deadline(monkeypatch):
    monkeypatch.setattr(connection, "REQUEST_TIMEOUT", 0.2)
    with connected() as (near, far):
        far.sendall(TWO_REQUESTS)
        requests = requests_of(near)
        answered(near, next(requests))
        near.serve(next(requests))
        body = gevent.spawn(near.request.body.read, 9)
        gevent.sleep(0.01)
        assert not connection.waiting
        with pytest.raises(TimeoutError):
            body.get()


def test_a_connection_that_has_been_idle_too_long_is_closed():
    with connected() as (near, _):
        waits = receiving(near)
        release_idle(60)
        gevent.sleep(0.01)
        assert not waits.ready()
        release_idle(0)
        assert waits.get() == b""
        assert not connection.waiting


def test_a_request_that_arrives_while_its_connection_is_closed_is_received():
    with connected() as (near, far):
        waits = receiving(near)
        far.sendall(b"GET")
        release_idle(0)
        assert waits.get() == b"GET"


def test_the_longest_idle_connection_is_closed_if_there_are_too_many():
    with ExitStack() as stack:
        waits = [receiving(stack.enter_context(connected())[0]) for _ in range(3)]
        release_oldest(2)
        assert waits[0].get() == b""
        assert [greenlet.ready() for greenlet in waits] == [True, False, False]
        release_idle(0)
        gevent.joinall(waits)


def test_an_unfinished_head_is_closed_if_too_many_wait():
    with ExitStack() as stack:
        (near, far), other = (stack.enter_context(connected()) for _ in range(2))
        far.sendall(b"G")
        assert near.recv(100) == b"G"
        rest, idle = receiving(near), receiving(other[0])
        release_oldest(1)
        assert idle.get() == b""  # it waits longer, because the head began later
        release_oldest(0)
        assert rest.get() == b""


def test_the_rest_of_an_answered_request_is_not_read_if_too_many_wait():
    with connected() as (near, far):
        far.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 99\r\n\r\n")
        near.serve(next(requests_of(near)))
        release_oldest(0)
        finished = gevent.spawn(near.finish)
        gevent.sleep(0.01)
        assert not finished.ready()
        release_oldest(0)
        with pytest.raises(StopIteration):
            finished.get()


def test_a_request_that_is_being_served_is_not_closed():
    with connected() as (near, far):
        far.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n")
        near.serve(next(requests_of(near)))
        body = gevent.spawn(near.request.body.read)
        gevent.sleep(0.01)
        release_oldest(0)
        far.sendall(b"{}")
        assert body.get() == b"{}"


def test_a_connection_with_an_unfinished_request_is_not_idle():
    with connected() as (near, far):
        far.sendall(b"GET")
        assert near.recv(100) == b"GET"
        more = receiving(near)
        release_idle(0)
        far.sendall(b" / HTTP/1.1")
        assert more.get() == b" / HTTP/1.1"


def test_the_late_rest_of_a_body_is_never_parsed_as_a_request(monkeypatch):
    monkeypatch.setattr(connection, "REQUEST_TIMEOUT", 0.1)
    with connected() as (near, far):
        far.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 99\r\n\r\n")
        with pytest.raises(StopIteration):
            answered(near, next(requests_of(near)))


def test_a_truncated_body_is_a_timeout():
    with connected() as (near, far):
        far.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\n{}")
        far.shutdown(gevent.socket.SHUT_WR)
        near.serve(next(requests_of(near)))
        with pytest.raises(TimeoutError):
            near.request.body.read()


def test_a_head_of_many_long_headers_is_refused_before_it_has_arrived():
    with connected() as (near, far):
        sender = gevent.spawn(far.sendall, b"GET / HTTP/1.1\r\n" + (b"X: " + b"x" * 8000 + b"\r\n") * 5)
        with pytest.raises(LimitRequestHeaders):
            next(requests_of(near))
        sender.kill()


def test_a_long_body_does_not_count_as_a_head():
    with connected() as (near, far):
        far.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 40000\r\n\r\n" + bytes(40_000))
        near.serve(next(requests_of(near)))
        assert len(near.request.body.read()) == 40_000


def test_a_client_gets_its_answer_while_it_sends_a_long_body():
    """A socket that is closed while data arrives is reset. The client then cannot read data that was sent before."""
    with connected() as (near, far):
        sender = gevent.spawn(far.sendall, bytes(4_000_000))
        near.sendall(b"the answer")
        closed = gevent.spawn(near.close)
        sender.get()
        far.shutdown(gevent.socket.SHUT_WR)
        closed.get()
        assert far.recv(100) == b"the answer"
