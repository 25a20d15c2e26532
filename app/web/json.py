"""JSON: compact UTF-8 in answers, strict RFC 8259 in requests."""

from typing import Any

import orjson
from flask import Response, current_app
from flask.json.provider import JSONProvider
from marshmallow import Schema

from app.schemas.serialiser import Serialiser, serialiser


def encode(obj: Any) -> bytes:
    """`obj` as JSON. Times are in UTC with a `Z`, with microseconds only if there are any; no zone means UTC."""
    return orjson.dumps(obj, option=orjson.OPT_NAIVE_UTC | orjson.OPT_UTC_Z)


def json_serialiser(schema: type[Schema], names: frozenset[str] | None = None) -> Serialiser:
    """The serialiser of the answers of the API, which LEGACY_TIMESTAMPS changes."""
    return serialiser(schema, names, legacy=current_app.config["LEGACY_TIMESTAMPS"])


def respond(obj: Any, status: int = 200) -> Response:
    return Response(encode(obj), status, mimetype="application/json")


class OrjsonProvider(JSONProvider):
    """Flask's JSON by orjson, which rejects NaN, invalid UTF-8, lone surrogates and deep nesting."""

    def dumps(self, obj: Any, **kwargs: Any) -> str:
        return encode(obj).decode()

    def loads(self, s: str | bytes, **kwargs: Any) -> Any:
        return orjson.loads(s)
