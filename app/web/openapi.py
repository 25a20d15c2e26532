"""The OpenAPI document: our problem responses in place of flask-smorest's errors."""

from http import HTTPStatus
from typing import Any

import flask_smorest
import orjson
from flask import Flask

from app.schemas.common import Problem
from config import MAX_BODY, REQUEST_TIMEOUT

DESCRIPTION = """\
The main backend of the Pangeo Forge federation: **bakeries** run **recipes** that live in **feedstock** repositories,
each execution is a **recipe run**, and a successful production run publishes a **dataset**.

Reading is public. Writing requires an API key in the header `X-API-Key` (or `Authorization: Bearer …`): press
*Authorize*. Bodies are JSON. Every error is `application/problem+json` (RFC 9457): `detail` says what to do about it,
`request_id` identifies the request in the logs.
"""

SECURITY_SCHEMES = {
    "APIKeyHeader": {"type": "apiKey", "in": "header", "name": "X-API-Key", "description": "The API key."},
    "BearerToken": {"type": "http", "scheme": "bearer", "description": "The API key as a bearer token."},
}

SETTINGS = {
    "API_TITLE": "Pangeo Forge API",
    "API_VERSION": "1.0.0",
    "OPENAPI_VERSION": "3.1.0",
    "API_SPEC_OPTIONS": {
        "info": {
            "description": DESCRIPTION,
            "license": {"name": "Apache-2.0", "url": "https://www.apache.org/licenses/LICENSE-2.0"},
        },
        "components": {"securitySchemes": SECURITY_SCHEMES},
    },
}

# A record in a list that was requested with `fields`.
PICKED = {"type": "object", "description": "With `fields`: only those fields."}

# For each status of an error, an example of its `detail`.
PROBLEMS = {
    400: "The body is not valid JSON: unexpected end of data: line 1 column 1 (char 0).",
    401: "Invalid API Key",
    403: "Not authenticated",
    404: "bakery 99 not found",
    408: f"The body did not arrive whole within {REQUEST_TIMEOUT} seconds.",
    409: "bakery 1 already has name 'pangeo-ldeo-nsf-earthcube'.",
    412: "recipe run 1 is not as If-Match says; get it again.",
    413: f"The body is larger than {MAX_BODY} bytes.",
    414: "Request Line is too large (8214 > 8190)",
    415: "Send JSON with Content-Type: application/json, not text/plain.",
    422: "limit: Must be greater than or equal to 0 and less than or equal to 1000.",
    429: "A key may write 12000 times in 60 s, and this one has. Try again in 42 s.",
    500: "Something went wrong on our side; the request id helps us to find out what.",
    501: "xarray is not installed here: pip install -r requirements/repr.txt.",
    502: "An error occurred while fetching the data from URL: https://host/path. Its host cannot be reached.",
    503: "The database did not answer in time. Try again in a few seconds.",
    504: "An error occurred while fetching the data from URL: https://host/path. Its host took too long.",
}

ETAG = {
    "ETag": {"description": "The version of this response, for conditional requests.", "schema": {"type": "string"}}
}
REPLAYED = {
    "Idempotency-Replayed": {
        "description": "`true` if this is the stored response to an earlier request with the same Idempotency-Key.",
        "schema": {"type": "string", "examples": ["true"]},
    }
}

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
    "delete": IF_MATCH,
}

RETRY_AFTER = {
    "Retry-After": {"description": "How many seconds to wait before the next attempt.", "schema": {"type": "integer"}}
}
RATE_LIMIT = {
    "RateLimit-Policy": {
        "description": "The limit: `q` requests within `w` seconds.",
        "schema": {"type": "string", "examples": ['"writes";q=12000;w=60']},
    },
    "RateLimit": {
        "description": "The requests that remain (`r`) until the limit is reset in `t` seconds.",
        "schema": {"type": "string", "examples": ['"writes";r=0;t=42']},
    },
}
HEADERS: dict[int, dict[str, Any]] = {
    401: {"WWW-Authenticate": {"description": "How to authenticate.", "schema": {"type": "string"}}},
    429: RATE_LIMIT | RETRY_AFTER,
    503: RETRY_AFTER,
}


class Api(flask_smorest.Api):
    """flask-smorest with problem responses; error handling is `app.errors`' alone."""

    DEFAULT_ERROR_RESPONSE_NAME = None

    def _register_responses(self) -> None:
        for code, detail in PROBLEMS.items():
            self.spec.components.response(HTTPStatus(code).name, _problem_response(code, detail), lazy=True)

    def _register_error_handlers(self) -> None:
        pass


def _problem_response(code: int, detail: str) -> dict[str, Any]:
    status = HTTPStatus(code)
    example = {"type": "about:blank", "title": status.phrase, "status": code, "detail": detail}
    if code == 422:
        example["errors"] = [{"in": "query", "pointer": "/limit", "detail": detail}]
    example["request_id"] = "5f0c8d1e2b3a4c5d9e8f7a6b5c4d3e2f"
    content = {"application/problem+json": {"schema": Problem, "example": example}}
    return {"description": status.phrase, "content": content, "headers": HEADERS.get(code, {})}


def header_parameter(method: str) -> dict[str, Any]:
    """The request header that makes `method` conditional or safe to repeat."""
    name, description, example = REQUEST_HEADERS[method]
    schema = {"type": "string", "examples": [example]}
    return {"in": "header", "name": name, "description": description, "schema": schema}


api = Api()


def example_of(schema: dict[str, Any], schemas: dict[str, Any]) -> Any:
    """A value that fits `schema`, made of the examples of its members; `schemas` are those that a `$ref` can name."""
    if "$ref" in schema:
        return example_of(schemas[schema["$ref"].rpartition("/")[2]], schemas)
    if "examples" in schema:
        return schema["examples"][0]
    if schema["type"] == "array":
        return [example_of(schema["items"], schemas)]
    return {name: example_of(member, schemas) for name, member in schema["properties"].items()}


def document(app: Flask) -> bytes:
    """The document as JSON; the same bytes for the same code, as everything in it comes in the order of the code."""
    with app.app_context():
        spec = api.spec.to_dict()
    operations = [item for path in spec["paths"].values() for name, item in path.items() if name != "parameters"]
    bodies = [operation["requestBody"] for operation in operations if "requestBody" in operation]
    answers = [answer for operation in operations for answer in operation["responses"].values()]
    for media in [media for part in bodies + answers for media in part.get("content", {}).values()]:
        media.setdefault("example", example_of(media["schema"], spec["components"]["schemas"]))
    for operation in operations:
        if any(parameter["name"] == "fields" for parameter in operation["parameters"]):
            records = operation["responses"]["200"]["content"]["application/json"]["schema"]
            records["items"] = {"anyOf": [records["items"], PICKED]}
    return orjson.dumps(spec, option=orjson.OPT_INDENT_2)
