"""Reads requests: JSON bodies, query strings and path ids, strictly; what is wrong becomes one kind of error."""

import re
from itertools import chain
from typing import Any, NoReturn

import marshmallow as ma
import orjson
from flask import Request
from webargs.flaskparser import FlaskParser
from werkzeug.exceptions import BadRequest, UnsupportedMediaType

from app.errors import Invalid

PLACES = {"json": "body", "query": "query"}


class Parser(FlaskParser):
    """webargs with our JSON rules and our error."""

    DEFAULT_UNKNOWN_BY_LOCATION = {"json": ma.RAISE, "query": ma.RAISE}

    def _raw_load_json(self, req: Request) -> Any:
        allowed = {"", "application/json"} | ({"application/merge-patch+json"} if req.method == "PATCH" else set())
        if req.mimetype not in allowed:
            raise UnsupportedMediaType(f"Send JSON with Content-Type: application/json, not {req.mimetype}.")
        try:
            return orjson.loads(req.get_data())
        except orjson.JSONDecodeError as error:
            raise BadRequest(f"The body is not valid JSON: {error}.") from None

    def load_querystring(self, req: Request, schema: ma.Schema) -> Any:
        values = super().load_querystring(req, schema)
        refuse_repeated(req, values.multiple_keys)
        return values

    def handle_error(self, error: ma.ValidationError, req: Request, schema: ma.Schema, **kwargs: Any) -> NoReturn:
        """Raise what marshmallow found, in the order of the schema."""
        messages: dict[str, Any]
        ((location, messages),) = error.messages_dict.items()
        place = PLACES[location]
        raise Invalid([problem for name, found in messages.items() for problem in _problems(place, name, found)])


def refuse_repeated(req: Request, repeatable: set[str]) -> None:
    """Raise 422 for any other query parameter given twice: there is no right one to take."""
    for name, values in req.args.lists():
        if len(values) > 1 and name not in repeatable:
            raise Invalid.at("query", pointer_token(name), f"{name} is given more than once.")


def refuse_query(req: Request) -> None:
    """Raise 422 for any query parameter, where a route has none."""
    if req.args:
        raise Invalid(
            [
                {"in": "query", "pointer": f"/{pointer_token(name)}", "detail": f"{name}: Unknown field."}
                for name in req.args
            ]
        )


def path_id(text: str) -> int:
    """The id in a path, or 422; numbers that no record can have are left to be not found."""
    if not re.fullmatch("-?(0|[1-9][0-9]{0,99})", text):
        raise Invalid.at("path", "id", "id must be a whole number.")
    return int(text)


def pointer_token(name: object) -> str:
    """`name` as a reference token of a JSON pointer (RFC 6901, section 3)."""
    return str(name).replace("~", "~0").replace("/", "~1")


def _problems(place: str, name: object, found: Any) -> list[dict[str, str]]:
    if name == "_schema":
        return [{"in": place, "pointer": "", "detail": f"The {place} must be a JSON object."}]
    texts = found if isinstance(found, list) else dict.fromkeys(chain.from_iterable(found.values()))
    return [{"in": place, "pointer": f"/{pointer_token(name)}", "detail": f"{name}: {text}"} for text in texts]
