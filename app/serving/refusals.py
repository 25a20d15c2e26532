"""Answers to requests that the application cannot answer, such as malformed ones, as problem details (RFC 9457)."""

from http import HTTPStatus
from uuid import uuid4

import orjson
from gunicorn.http import errors

from app.web.headers import SECURITY_HEADERS, STATUS_LINES

# The status and the detail for each of gunicorn's errors; {} is its message. The default is 400 and the message.
SENTENCES: dict[type[Exception], tuple[int, str]] = {
    errors.InvalidRequestLine: (400, "Invalid Request Line '{}'"),
    errors.InvalidRequestMethod: (400, "Invalid Method '{}'"),
    errors.InvalidHTTPVersion: (400, "Invalid HTTP Version '{}'"),
    errors.LimitRequestLine: (414, "{}"),
    errors.ExpectationFailed: (417, "{}"),
    errors.LimitRequestHeaders: (431, "Error parsing headers: '{}'"),
    errors.UnsupportedTransferCoding: (501, "{}"),
}


def refusal(error: errors.ParseException | None) -> tuple[int, str, bytes]:
    """The status, the request id and the bytes of an answer that closes the connection. None is answered 500."""
    status, sentence = SENTENCES.get(type(error), (400, "{}")) if error else (500, "Internal Server Error")
    request_id, title = uuid4().hex, HTTPStatus(status).phrase
    problem = {"type": "about:blank", "title": title, "status": status, "detail": sentence.format(error)}
    body = orjson.dumps(problem | {"request_id": request_id})
    headers = {
        "Connection": "close",
        "Content-Type": "application/problem+json",
        "Content-Length": str(len(body)),
        "Cache-Control": "no-store",
        "X-Request-ID": request_id,
        **SECURITY_HEADERS,
    }
    lines = [f"HTTP/1.1 {STATUS_LINES[str(status)]}", *(f"{name}: {value}" for name, value in headers.items())]
    return status, request_id, "\r\n".join([*lines, "", ""]).encode() + body
