"""JSON as the wire wants it: compact UTF-8 out, nothing but RFC 8259 in."""

from typing import Any

import orjson
from flask import Response
from flask.json.provider import JSONProvider


def encode(obj: Any) -> bytes:
    """`obj` as JSON; times in UTC with a `Z`, as those without a zone are, and microseconds only if there are any."""
    return orjson.dumps(obj, option=orjson.OPT_NAIVE_UTC | orjson.OPT_UTC_Z)


def respond(obj: Any, status: int = 200) -> Response:
    return Response(encode(obj), status, mimetype="application/json")


class OrjsonProvider(JSONProvider):
    """Flask's JSON through orjson, which refuses NaN, bad UTF-8, lone surrogates and hostile depth by itself."""

    def dumps(self, obj: Any, **kwargs: Any) -> str:
        return encode(obj).decode()

    def loads(self, s: str | bytes, **kwargs: Any) -> Any:
        return orjson.loads(s)
