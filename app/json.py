"""JSON as the wire wants it: compact UTF-8 out, nothing but RFC 8259 in."""

from typing import Any

import orjson
from flask.json.provider import JSONProvider
from werkzeug.wrappers import Response


class OrjsonProvider(JSONProvider):
    """Flask's JSON through orjson, which refuses NaN, bad UTF-8, lone surrogates and hostile depth by itself."""

    def dumps(self, obj: Any, **kwargs: Any) -> str:
        return orjson.dumps(obj).decode()

    def loads(self, s: str | bytes, **kwargs: Any) -> Any:
        return orjson.loads(s)

    def response(self, *args: Any, **kwargs: Any) -> Response:
        body = orjson.dumps(self._prepare_response_obj(args, kwargs))
        return self._app.response_class(body, mimetype="application/json")
