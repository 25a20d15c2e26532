"""The OpenAPI document: flask-smorest's, with problem responses and with what follows from each route."""

from functools import cache
from http import HTTPStatus
from typing import Any, cast

import flask_smorest
import orjson
from apispec import BasePlugin
from flask import Flask
from werkzeug.routing import Rule

from app.schemas.common import Problem
from app.web.auth import NO_KEY, WRONG_KEY, Caller
from app.web.blueprint import Blueprint, IdConverter, id_schema
from app.web.openapi_callers import SECURITY_SCHEMES, error_codes, headers, security
from app.web.openapi_components import Schemas
from config import MAX_BODY, REQUEST_TIMEOUT

DESCRIPTION = """\
The main backend of the Pangeo Forge federation: **bakeries** run **recipes** that live in **feedstock** repositories,
each execution is a **recipe run**, and a successful production run publishes a **dataset**.

Reading is public. Writing requires an API key in the header `X-API-Key` (or `Authorization: Bearer …`): press
*Authorize*. Runners can sign their reports instead. Bodies are JSON. Every error is `application/problem+json` (RFC
9457): `detail` says what to do about it, `request_id` identifies the request in the logs.
"""

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

# For each status of an error, an example of its `detail`.
PROBLEMS = {
    400: "The body is not valid JSON: unexpected end of data: line 1 column 1 (char 0).",
    401: WRONG_KEY,
    403: NO_KEY,
    404: "bakery 99 not found",
    408: f"The body did not arrive whole within {REQUEST_TIMEOUT} seconds.",
    409: "bakery 1 already has name 'pangeo-ldeo-nsf-earthcube'.",
    412: "recipe run 1 does not match If-Match; get it again.",
    413: f"The body is larger than {MAX_BODY} bytes.",
    414: "Request Line is too large (8214 > 8190)",
    415: "Send JSON with Content-Type: application/json, not text/plain.",
    416: "The requested range cannot be satisfied.",
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
    """flask-smorest with problem responses; `app.web.problems` handles all errors."""

    ERROR_SCHEMA = Problem
    DEFAULT_ERROR_RESPONSE_NAME = None


class Operations(BasePlugin):
    """apispec: adds to each operation what follows from its route: the key, the conditions, and the errors."""

    def __init__(self, app: Flask) -> None:
        self.app = app

    def operation_helper(self, path: str | None = None, operations: dict[str, Any] | None = None, **given: Any) -> None:
        rule: Rule = given["rule"]
        caller = cast(Any, self.app.view_functions[rule.endpoint]).caller
        for method, operation in (operations or {}).items():
            text = {name: operation.pop(name) for name in ("summary", "description", "tags")}
            operation["operationId"] = rule.endpoint.partition(".")[2]
            operation.setdefault("parameters", []).extend(headers(method, caller))
            _add_conditions(method, operation)
            codes = _error_codes(method, operation, has_id="<" in rule.rule)
            if caller is not Caller.PUBLIC:
                codes |= error_codes(caller)
                operation["security"] = security(caller)
            responses = operation["responses"] | {code: HTTPStatus(code).name for code in codes}
            operation["responses"] = dict(sorted(responses.items()))
            operation |= text


def _add_conditions(method: str, operation: dict[str, Any]) -> None:
    """Document the headers and the status of conditional and of repeated requests."""
    responses = operation["responses"]
    if method == "get":
        responses[200].setdefault("headers", {}).update(ETAG)
        responses[304] = {"description": "Not modified: the client has the current version.", "headers": ETAG}
    if method == "post":
        for code in responses.keys() & {200, 201}:
            responses[code].setdefault("headers", {}).update(REPLAYED)
    if method == "patch":
        content = operation["requestBody"]["content"]
        content["application/merge-patch+json"] = content["application/json"]


def _error_codes(method: str, operation: dict[str, Any], *, has_id: bool) -> set[int]:
    """The errors that follow from the method, the parameters and the body of an operation."""
    codes = {422, 500, 503} | ({404} if has_id else set()) | ({"post": {409}, "get": set()}.get(method, {412}))
    if any(parameter["in"] == "query" for parameter in operation["parameters"]):
        codes |= {414}
    if "requestBody" in operation:
        codes |= {400, 408, 413, 415}
    return codes


def _problem_response(code: int, detail: str) -> dict[str, Any]:
    status = HTTPStatus(code)
    example = {"type": "about:blank", "title": status.phrase, "status": code, "detail": detail}
    if code == 422:
        example["errors"] = [{"in": "query", "pointer": "/limit", "detail": detail}]
    example["request_id"] = "5f0c8d1e2b3a4c5d9e8f7a6b5c4d3e2f"
    content = {"application/problem+json": {"schema": Problem, "example": example}}
    return {"description": status.phrase, "content": content, "headers": HEADERS.get(code, {})}


def example_of(schema: dict[str, Any], schemas: dict[str, Any]) -> Any:
    """A value for `schema`, from the examples of its fields. `schemas` are the components that a `$ref` can name."""
    if "examples" in schema:
        return schema["examples"][0]
    if "$ref" in schema:
        return example_of(schemas[schema["$ref"].rpartition("/")[2]], schemas)
    if schema["type"] == "array":
        return [example_of(schema["items"], schemas)]
    return {name: example_of(field, schemas) for name, field in schema["properties"].items()}


def _add_examples(spec: dict[str, Any]) -> None:
    """Add an `example` to each parameter, because many programs do not read the `examples` of its schema."""
    for path in spec["paths"].values():
        for part in (path, *path.values()):
            for parameter in part.get("parameters", ()) if isinstance(part, dict) else ():
                parameter["example"] = example_of(parameter["schema"], spec["components"]["schemas"])


@cache
def document(blueprints: tuple[Blueprint, ...]) -> bytes:
    """The document of these blueprints as JSON. Its order is that of the code, so every process writes the same bytes.

    A process builds it once, with a separate application, because it is the same for every application.
    """
    app = Flask(__name__)
    app.config.from_mapping(SETTINGS)
    app.url_map.converters["id"] = IdConverter
    api = Api(app, spec_kwargs={"marshmallow_plugin": Schemas(), "extra_plugins": [Operations(app)]})
    api.register_converter(IdConverter, id_schema)
    for code, detail in PROBLEMS.items():
        # In place of flask-smorest's own. They are lazy: the document has those that an operation refers to.
        api.spec.components.response(HTTPStatus(code).name, _problem_response(code, detail), lazy=True)
    for blueprint in blueprints:
        api.register_blueprint(blueprint)
    spec = api.spec.to_dict()
    operations = [item for path in spec["paths"].values() for name, item in path.items() if name != "parameters"]
    bodies = [operation["requestBody"] for operation in operations if "requestBody" in operation]
    answers = [answer for operation in operations for answer in operation["responses"].values()]
    for media in [media for part in bodies + answers for media in part.get("content", {}).values()]:
        media.setdefault("example", example_of(media["schema"], spec["components"]["schemas"]))
    _add_examples(spec)
    for operation in operations:
        if any(parameter["name"] == "fields" for parameter in operation["parameters"]):
            operation["responses"]["200"]["description"] += " With `fields`, its records have only these fields."
    return orjson.dumps(spec, option=orjson.OPT_INDENT_2)
