"""An answer goes out as gunicorn would send it, to the byte; head and body together if the body is there as a whole."""

from types import SimpleNamespace

import pytest
from gunicorn.config import Config
from gunicorn.http import wsgi

from app.serving.connection import Sender

LENGTH = [("Content-Type", "text/plain"), ("Content-Length", "5")]


class Wire:
    """A socket that remembers what it was told to send."""

    def __init__(self):
        self.sent = []

    def sendall(self, data):
        self.sent.append(bytes(data))


def sent(kind, method, status, headers, parts, monkeypatch):
    monkeypatch.setattr(wsgi.util, "http_date", lambda: "Thu, 26 Nov 2026 12:00:00 GMT")
    request = SimpleNamespace(method=method, version=(1, 1), should_close=lambda: False)
    response = kind(request, wire := Wire(), Config())
    response.start_response(status, headers)
    for part in parts:
        response.write(part)
    response.close()
    return wire.sent


@pytest.mark.parametrize(
    ("method", "status", "headers", "parts", "packets"),
    [
        ("GET", "200 OK", LENGTH, [b"hello"], 1),
        ("GET", "200 OK", LENGTH, [b"he", b"llo"], 3),
        ("GET", "200 OK", [("Content-Length", "99999")], [b"a" * 99_999], 2),
        ("GET", "200 OK", LENGTH, [b"hello, too long"], 2),
        ("GET", "200 OK", LENGTH, [b"hello", b"again"], 1),
        ("GET", "200 OK", [("Content-Length", "0")], [b""], 1),
        ("GET", "200 OK", [], [b"hello"], 3),
        ("HEAD", "200 OK", LENGTH, [b"hello"], 1),
        ("HEAD", "200 OK", LENGTH, [], 1),
        ("GET", "304 Not Modified", [("ETag", '"a"')], [b""], 1),
        ("DELETE", "204 No Content", [], [], 1),
    ],
)
def test_the_bytes_are_those_of_gunicorn(method, status, headers, parts, packets, monkeypatch):
    ours = sent(Sender, method, status, headers, parts, monkeypatch)
    assert b"".join(ours) == b"".join(sent(wsgi.Response, method, status, headers, parts, monkeypatch))
    assert len([packet for packet in ours if packet]) == packets
