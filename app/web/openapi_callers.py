"""How callers of an operation identify themselves, in the OpenAPI document, and the headers that they may send."""

from typing import Any

from app.web import signatures
from app.web.auth import Caller

SECURITY_SCHEMES = {
    "APIKeyHeader": {"type": "apiKey", "in": "header", "name": "X-API-Key", "description": "The API key."},
    "BearerToken": {"type": "http", "scheme": "bearer", "description": "The API key as a bearer token."},
    "WebhookSignature": {
        "type": "apiKey",
        "in": "header",
        "name": signatures.SIGNATURE,
        "description": "The signature of Standard Webhooks with the secret of the bakery, together with the headers "
        f"`{signatures.MESSAGE_ID}` and `{signatures.TIMESTAMP}`: `v1,` and the HMAC-SHA256 of "
        "`{id}.{timestamp}.{body}` in base 64.",
    },
    "GitHubSignature": {
        "type": "apiKey",
        "in": "header",
        "name": signatures.GITHUB_SIGNATURE,
        "description": "`sha256=` and the HMAC-SHA256 of the body in hex, with the secret of the GitHub App.",
    },
}
KEYS = ("APIKeyHeader", "BearerToken")
# The schemes of callers that sign. All others have a key.
SCHEMES = {Caller.REPORTER: (*KEYS, "WebhookSignature"), Caller.GITHUB: ("GitHubSignature",)}

IF_MATCH = (
    "If-Match",
    "The ETag from a GET of the record. The response is 412 if the record has changed since.",
    '"0a4d55a8d778e5022fab701977c5d840"',
)
# The optional header of each method: name, description, example.
REQUEST_HEADERS = {
    "get": (
        "If-None-Match",
        "The ETags that the client has stored. The response is 304 if one of them is current.",
        '"0a4d55a8d778e5022fab701977c5d840"',
    ),
    "post": (
        "Idempotency-Key",
        "A unique value, such as a UUID. It makes it safe to repeat the request.",
        "8e03978e-40d5-43dd-bc93-6894a57f9324",
    ),
    "patch": IF_MATCH,
    "put": IF_MATCH,
    "delete": IF_MATCH,
}
# Those of a signed report, in place of a key, and those of GitHub.
SIGNED_HEADERS = (
    (
        signatures.MESSAGE_ID,
        "Of a signed request: its id, the same in each repetition. It is in place of Idempotency-Key.",
        "msg_2KWPBgLlAfxdpx2AI54pPJ85f4W",
    ),
    (signatures.TIMESTAMP, "Of a signed request: when it was sent, in seconds since 1970.", "1772504994"),
)
GITHUB_HEADERS = (
    (signatures.GITHUB_EVENT, "The kind of the event: `dataflow`, or one of GitHub's.", "dataflow"),
    (
        signatures.GITHUB_DELIVERY,
        "The id of the delivery, which GitHub repeats when it delivers the event again.",
        "72d3162e-cc78-11e3-81ab-4c9367dc0958",
    ),
)


def security(caller: Caller) -> list[dict[str, list[str]]]:
    """The alternatives of `caller`, which is not PUBLIC."""
    without: list[dict[str, list[str]]] = [{}] if caller is Caller.READER else []
    return without + [{scheme: []} for scheme in SCHEMES.get(caller, KEYS)]


def error_codes(caller: Caller) -> set[int]:
    """The errors of the authentication of `caller`, which is not PUBLIC."""
    return {401, 429, 501} if caller is Caller.GITHUB else {401, 403, 429}


def headers(method: str, caller: Caller) -> list[dict[str, Any]]:
    """The request headers that make `method` conditional, or safe to repeat, and those of a signature."""
    of_method = GITHUB_HEADERS if caller is Caller.GITHUB else (REQUEST_HEADERS[method],)
    found = of_method + (SIGNED_HEADERS if caller is Caller.REPORTER else ())
    return [
        {"in": "header", "name": name, "description": text, "schema": {"type": "string", "examples": [example]}}
        for name, text, example in found
    ]
