"""Hostile bytes that are sent to gunicorn, and the exact answer to each."""

import json
import socket
from contextlib import closing
from urllib.parse import urlsplit

import pytest

from app.web.auth import NO_KEY, WRONG_KEY
from tests.support import live
from tests.support.apps import ADMIN_KEY

KEY = f"X-API-Key: {ADMIN_KEY}\r\nContent-Type: application/json\r\n".encode()
GET = b"GET / HTTP/1.1\r\nHost: x\r\n"
POST = b"POST /bakeries/ HTTP/1.1\r\nHost: x\r\n" + KEY
CHUNKED = POST + b"Transfer-Encoding: chunked\r\n\r\n"
END = b"\r\n\r\n0\r\n\r\n"
OK = ("200 OK", None)


def malformed(detail):
    return "400 Bad Request", detail


def header(name):
    return malformed(f"Invalid HTTP Header: '{name}'")


def line(text):
    return malformed(f"Invalid Request Line 'Invalid HTTP request line: '{text}''")


def chunk(reason):
    return "400 Bad Request", f"The body is not valid HTTP: {reason}"


NO_HOST = malformed("The request has no Host header, which HTTP/1.1 requires.")

# The length of the body. If a proxy reads another length, a client can smuggle a request past it.
FRAMING = {
    "a length and chunks": (POST + b"Content-Length: 6\r\nTransfer-Encoding: chunked" + END, header("CONTENT-LENGTH")),
    "chunks and a length": (POST + b"Transfer-Encoding: chunked\r\nContent-Length: 6" + END, header("CONTENT-LENGTH")),
    "two lengths": (POST + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}X", header("CONTENT-LENGTH")),
    "the same length twice": (POST + b"Content-Length: 2\r\nContent-Length: 2\r\n\r\n{}", header("CONTENT-LENGTH")),
    "two lengths in one": (POST + b"Content-Length: 2, 3\r\n\r\n{}X", header("CONTENT-LENGTH")),
    "a negative length": (POST + b"Content-Length: -1\r\n\r\n{}", header("CONTENT-LENGTH")),
    "a length with a plus": (POST + b"Content-Length: +2\r\n\r\n{}", header("CONTENT-LENGTH")),
    "a length in hexadecimal": (POST + b"Content-Length: 0x2\r\n\r\n{}", header("CONTENT-LENGTH")),
    "an empty length": (POST + b"Content-Length:\r\n\r\n{}", header("CONTENT-LENGTH")),
    "chunks twice": (POST + b"Transfer-Encoding: chunked, chunked" + END, header("TRANSFER-ENCODING")),
    "chunks that are not last": (POST + b"Transfer-Encoding: chunked, identity" + END, header("TRANSFER-ENCODING")),
    "chunks after a vertical tab": (POST + b"Transfer-Encoding: \x0bchunked" + END, header("TRANSFER-ENCODING")),
    "chunks over HTTP/1.0": (
        b"POST /bakeries/ HTTP/1.0\r\n" + KEY + b"Transfer-Encoding: chunked" + END,
        header("TRANSFER-ENCODING"),
    ),
    "chunks in disguise": (
        POST + b"Transfer-Encoding: xchunked" + END,
        ("501 Not Implemented", "Unsupported transfer coding: 'xchunked'"),
    ),
    "chunks and a blank": (
        POST + b"Transfer-Encoding : chunked" + END,
        malformed("Invalid HTTP header name: 'Transfer-Encoding '"),
    ),
    "chunks on a folded line": (
        POST + b"Transfer-Encoding:\r\n chunked" + END,
        malformed("Obsolete line folding is unacceptable: 'TRANSFER-ENCODING'"),
    ),
    "a chunk without a size": (CHUNKED + b"xyz\r\n{}" + END, chunk("Invalid chunk size: b'xyz'")),
    "a chunk of a negative size": (CHUNKED + b"-1\r\n{}" + END, chunk("Invalid chunk size: b'-1'")),
    "a chunk with 0x": (CHUNKED + b"0x2\r\n{}" + END, chunk("Invalid chunk size: b'0x2'")),
    "a chunk longer than it says": (
        CHUNKED + b"2\r\n{}{}" + END,
        chunk("Invalid chunk terminator is not '\\r\\n': b'{}'"),
    ),
    "a chunk that breaks its line": (
        CHUNKED + b"2;\n\r\n{}" + END,
        chunk("Invalid chunk extension: invalid chunk extension"),
    ),
    "a chunk without an end": (
        CHUNKED + b"f" * 20 + b"\r\n{}",
        ("408 Request Timeout", "The body did not arrive whole within 15 seconds."),
    ),
    "a body of a gigabyte": (
        POST + b"Content-Length: 1000000000\r\n\r\n{}",
        ("413 Request Entity Too Large", "The body is larger than 1048576 bytes."),
    ),
    "a request behind a request": (GET + b"Content-Length: 31\r\n\r\nDELETE /bakeries/1 HTTP/1.1\r\n\r\n", OK),
}
HEADERS = {
    "a folded line": (GET + b"X-A: b\r\n c\r\n\r\n", malformed("Obsolete line folding is unacceptable: 'X-A'")),
    "no colon": (GET + b"nonsense\r\n\r\n", header("nonsense")),
    "no name": (GET + b": x\r\n\r\n", header(": x")),
    "a blank in the name": (GET + b"X A: b\r\n\r\n", malformed("Invalid HTTP header name: 'X A'")),
    "NUL in a header": (GET + b"X-A: b\x00c\r\n\r\n", header("X-A")),
    "a bare CR in a header": (GET + b"X-A: b\rX-B: c\r\n\r\n", header("X-A")),
    "a bare LF in a header": (GET + b"X-A: b\nX-B: c\r\n\r\n", header("X-A")),
    "lines that end in LF": (b"GET / HTTP/1.1\nHost: x\n\n", line("bare LF as line terminator")),
    "two hosts": (GET + b"Host: y\r\n\r\n", header("HOST")),
    "a header of 8191 bytes": (
        GET + b"X-A: " + b"x" * 8191 + b"\r\n\r\n",
        ("431 Request Header Fields Too Large", "Error parsing headers: 'limit request headers fields size'"),
    ),
    "101 headers": (
        GET + b"X: x\r\n" * 100 + b"\r\n",
        ("431 Request Header Fields Too Large", "Error parsing headers: 'limit request headers fields'"),
    ),
    "five headers of 8000 bytes": (
        GET + (b"X: " + b"x" * 7995 + b"\r\n") * 5 + b"\r\n",
        ("431 Request Header Fields Too Large", "Error parsing headers: 'max buffer headers'"),
    ),
    "a key with an underscore": (
        POST.replace(b"X-API-Key", b"X_API_Key") + b"\r\n",
        ("403 Forbidden", NO_KEY),
    ),
    "a wrong key before the right one": (
        POST.replace(b"X-API-Key", b"X-API-Key: wrong\r\nX-API-Key") + b"\r\n",
        ("401 Unauthorized", WRONG_KEY),
    ),
    "an unknown expectation": (
        POST + b"Expect: nonsense\r\nContent-Length: 2\r\n\r\n{}",
        ("417 Expectation Failed", "Unable to comply with expectation: 'nonsense'"),
    ),
    "an upgrade to HTTP/2": (
        GET + b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AA\r\n\r\n",
        OK,
    ),
    "a prefix of a proxy": (GET + b"SCRIPT_NAME: /evil\r\n\r\n", OK),
    "a proxy's address": (
        b"PROXY TCP4 1.2.3.4 5.6.7.8 1 2\r\n" + GET + b"\r\n",
        line("PROXY TCP4 1.2.3.4 5.6.7.8 1 2"),
    ),
}


def target(text, method=b"GET", version=b"HTTP/1.1"):
    return method + b" " + text + b" " + version + b"\r\nHost: x\r\n\r\n"


LINES = {
    "no host": (b"GET / HTTP/1.1\r\n\r\n", NO_HOST),
    "an empty host": (b"GET / HTTP/1.1\r\nHost:\r\n\r\n", NO_HOST),
    "a target that is a URL": (target(b"http://evil.example/"), OK),
    "a target that is a host": (
        target(b"evil.example:443", b"CONNECT"),
        ("404 Not Found", "There is nothing at /443; /docs lists what there is."),
    ),
    "a target of *": (
        target(b"*", b"OPTIONS"),
        ("404 Not Found", "There is nothing at /*; /docs lists what there is."),
    ),
    "a target of two slashes": (
        target(b"//evil.example/"),
        ("404 Not Found", "There is nothing at /evil.example/; /docs lists what there is."),
    ),
    "a target without a slash": (target(b"bakeries"), line("GET bakeries HTTP/1.1")),
    "a target with a blank": (target(b"/a b"), malformed("Invalid HTTP Version 'Invalid HTTP Version: 'b HTTP/1.1''")),
    "a target with NUL": (target(b"/\x00"), line("GET /\\x00 HTTP/1.1")),
    "a target in Latin-1": (target(b"/\xe9"), line("GET /\u00e9 HTTP/1.1")),
    "a target of 8200 bytes": (
        target(b"/" + b"x" * 8199),
        ("414 Request-URI Too Long", "Request Line is too large (8213 > 8190)"),
    ),
    "a method in small letters": (target(b"/", b"get"), malformed("Invalid Method 'Invalid HTTP method: 'get''")),
    "a method of signs": (target(b"/", b"G@T"), malformed("Invalid Method 'Invalid HTTP method: 'G@T''")),
    "HTTP/0.9": (b"GET /\r\n\r\n", line("GET /")),
    "HTTP/2": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", line("PRI * HTTP/2.0")),
    "HTTP/3": (target(b"/", version=b"HTTP/3.0"), malformed("Invalid HTTP Version 'Invalid HTTP Version: (3, 0)'")),
    "TLS": (b"\x16\x03\x01\x02\x00\x01\r\n\r\n", line("\\x16\\x03\\x01\\x02\\x00\\x01")),
}
REQUESTS = FRAMING | HEADERS | LINES


def exchange(address, data):
    """Send the bytes and read until the server closes the connection. Return status line, headers and body."""
    parts, answer = urlsplit(address), b""
    with closing(socket.create_connection((parts.hostname, parts.port), timeout=live.PATIENCE)) as connection:
        connection.sendall(data)
        connection.shutdown(socket.SHUT_WR)
        while received := connection.recv(65536):
            answer += received
    head, _, body = answer.partition(b"\r\n\r\n")
    first, *lines = head.decode().split("\r\n")
    return first, dict(item.split(": ", 1) for item in lines), body


@pytest.mark.parametrize(("data", "answer"), REQUESTS.values(), ids=REQUESTS)
def test_hostile_bytes_are_answered_exactly(service, data, answer):
    status, detail = answer
    first, headers, body = exchange(service, data)
    assert first == f"HTTP/1.1 {status}"
    assert headers["Content-Security-Policy"] == "default-src 'none'; frame-ancestors 'none'"
    if detail is None:
        assert body == b'{"status":"ok"}'
        return
    assert headers["Content-Type"] == "application/problem+json"
    found = json.loads(body)
    assert list(found) == ["type", "title", "status", "detail", "request_id"]
    assert (f"{found['status']} {found['title']}", found["detail"]) == (status, detail)
    assert found["request_id"] == headers["X-Request-ID"]


def test_the_hostile_requests_change_nothing(service):
    for data, _ in REQUESTS.values():
        exchange(service, data)
    body = exchange(service, b"GET /stats/bakeries HTTP/1.1\r\nHost: x\r\n\r\n")[2]
    assert body == b'{"count":3}'


def test_a_request_that_was_answered_gets_no_second_answer_for_the_rest_of_its_body(service):
    """A proxy that shares the connection would give the second answer to another client."""
    request = b"POST /recipe_runs/ HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
    first, headers, body = exchange(service, request + b"2\r\n{}\r\n0\r\nContent-Length: 9\r\n\r\n")
    assert first.startswith("HTTP/1.1 403")
    assert headers["Connection"] == "close"
    assert b"HTTP/1.1" not in body
    assert json.loads(body)["status"] == 403


def test_a_malformed_body_is_the_last_request_of_its_connection(service):
    first, headers, _ = exchange(service, CHUNKED + b"x\r\n" + END)
    assert first.startswith("HTTP/1.1 400")
    assert headers["Connection"] == "close"
