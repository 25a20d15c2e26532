"""Load: many connections that are kept alive, each with one request under way, from one thread.

A client in Python has to be cheap to leave the two cores of a small machine to the server: this one looks for no more
than the status and the end of an answer, and throws the body away. `python -m tests.load URL` measures an address, so
that it can be held against other generators.
"""

import json
import re
import selectors
import socket
import sys
import time
from collections import Counter
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import cycle
from urllib.parse import urlsplit

_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_LAST_CHUNK = b"\r\n0\r\n\r\n"  # in JSON there is no carriage return, so nothing else ends like this
_received = bytearray(256 * 1024)


@dataclass(frozen=True)
class Answer:
    status: int
    headers: str
    seconds: float


class Connection:
    def __init__(self, port, timeout):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def send(self, request):
        self.head, self.tail, self.missing = b"", b"", None
        self.sent = time.perf_counter()
        self.socket.sendall(request)

    def receive(self):
        """Take what has come; the answer, if that is all of it."""
        size = self.socket.recv_into(_received)
        if not size:
            raise ConnectionError("the server closed the connection before it had answered")
        if self.missing is None:
            self.head += _received[:size]
            if b"\r\n\r\n" not in self.head:
                return None
            self.head, _, start = self.head.partition(b"\r\n\r\n")
            length = _LENGTH.search(self.head)
            self.missing = int(length[1]) - len(start) if length else float("inf")
            self.tail = start[-len(_LAST_CHUNK) :]
        else:
            self.missing -= size
            self.tail = (self.tail + _received[max(0, size - len(_LAST_CHUNK)) : size])[-len(_LAST_CHUNK) :]
        if self.missing == 0 or (self.missing == float("inf") and self.tail == _LAST_CHUNK):
            status, _, headers = self.head.decode("latin-1").partition("\r\n")
            return Answer(int(status.split()[1]), headers, time.perf_counter() - self.sent)
        return None


def get(path):
    return f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode()


def post(path, body, key):
    """A request that creates something, with an API key."""
    text = json.dumps(body)
    head = f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nX-API-Key: {key}\r\nContent-Type: application/json\r\n"
    return f"{head}Content-Length: {len(text)}\r\n\r\n{text}".encode()


def run(port, *requests, connections=16, seconds=float("inf"), count=float("inf"), timeout=60):
    """Send `requests`, one after the other and over again, for so long or so many of them; the answers.

    Raises TimeoutError if nothing is answered for `timeout` seconds.
    """
    answers, queue, sent, end = [], cycle(requests), 0, time.perf_counter() + seconds
    with ExitStack() as stack:
        ready = stack.enter_context(selectors.DefaultSelector())
        for _ in range(min(connections, count)):
            connection = Connection(port, timeout)
            stack.enter_context(connection.socket)
            ready.register(connection.socket, selectors.EVENT_READ, connection)
            connection.send(next(queue))
            sent += 1
        while len(answers) < sent:
            if not (events := ready.select(timeout)):
                raise TimeoutError(f"no answer within {timeout} seconds")
            for event, _ in events:
                if answer := event.data.receive():
                    answers.append(answer)
                    if sent < count and time.perf_counter() < end:
                        event.data.send(next(queue))
                        sent += 1
    return answers


def rate(port, request, seconds, expected=200):
    """Answers per second to 16 connections; raises if any has another status than is expected."""
    start = time.perf_counter()
    answers = run(port, request, seconds=seconds)
    elapsed = time.perf_counter() - start
    statuses = Counter(answer.status for answer in answers)
    if set(statuses) != {expected}:
        raise RuntimeError(f"{request.partition(b' HTTP')[0].decode()} was answered with {dict(statuses)}")
    return len(answers) / elapsed


if __name__ == "__main__":
    url = urlsplit(sys.argv[1])
    print(f"{rate(url.port, get(f'{url.path}?{url.query}'.removesuffix('?')), seconds=5):.0f} requests per second")
