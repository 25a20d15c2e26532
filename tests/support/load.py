"""A load generator: one thread, many persistent connections, one request at a time in each.

A client in Python has to be cheap, because it shares the two cores of a small machine with the server. This one reads
only the status and the end of an answer, and discards the body. `python -m tests.support.load URL` measures an
address, to compare this client with other generators of load.
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
from itertools import cycle, islice
from urllib.parse import urlsplit

_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
CHUNKED = float("inf")  # the number of missing bytes is unknown
_LAST_CHUNK = b"\r\n0\r\n\r\n"  # compact JSON has no carriage return, so this only appears at the end
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
        """Read the data that has arrived. Return the answer if it is complete, else None."""
        size = self.socket.recv_into(_received)
        if not size:
            raise ConnectionError("the server closed the connection before it had answered")
        if self.missing is None:
            self._begin(_received[:size])
        else:
            self.missing -= size
            self.tail = (self.tail + _received[max(0, size - len(_LAST_CHUNK)) : size])[-len(_LAST_CHUNK) :]
        if self.missing == 0 or (self.missing == CHUNKED and self.tail == _LAST_CHUNK):
            status, _, headers = self.head.decode("latin-1").partition("\r\n")
            return Answer(int(status.split()[1]), headers, time.perf_counter() - self.sent)
        return None

    def _begin(self, data):
        """Read the start of an answer. A complete head tells how many bytes are missing."""
        self.head += data
        if b"\r\n\r\n" in self.head:
            self.head, _, body = self.head.partition(b"\r\n\r\n")
            length = _LENGTH.search(self.head)
            self.missing = int(length[1]) - len(body) if length else CHUNKED
            self.tail = body[-len(_LAST_CHUNK) :]


def get(path):
    return f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode()


def post(path, body, key):
    """A request that creates something, with an API key."""
    text = json.dumps(body)
    head = f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nX-API-Key: {key}\r\nContent-Type: application/json\r\n"
    return f"{head}Content-Length: {len(text)}\r\n\r\n{text}".encode()


def run(port, *requests, connections=16, seconds=float("inf"), count=None, timeout=60):
    """Send `requests` in a cycle, for `seconds` or until `count` were sent, and return the answers.

    Raises TimeoutError if nothing is answered for `timeout` seconds.
    """
    queue, answers, end = islice(cycle(requests), count), [], time.perf_counter() + seconds
    with ExitStack() as stack:
        waiting = stack.enter_context(selectors.DefaultSelector())
        for request in islice(queue, connections):
            connection = Connection(port, timeout)
            waiting.register(stack.enter_context(connection.socket), selectors.EVENT_READ, connection)
            connection.send(request)
        while waiting.get_map():
            if not (events := waiting.select(timeout)):
                raise TimeoutError(f"no answer within {timeout} seconds")
            for event, _ in events:
                if answer := event.data.receive():
                    answers.append(answer)
                    request = next(queue, None) if time.perf_counter() < end else None
                    event.data.send(request) if request else waiting.unregister(event.fileobj)
    return answers


def rate(port, request, seconds, expected=200):
    """The answers per second with 16 connections. Raises RuntimeError if any answer has an unexpected status."""
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
