"""Reads JSON bodies, query strings and path ids, strictly. Everything that is wrong raises `Invalid`."""

import re
from collections.abc import Iterator
from functools import lru_cache
from itertools import chain
from typing import Any, NoReturn

import marshmallow as ma
import orjson
from flask import Request, request
from webargs.flaskparser import FlaskParser
from werkzeug.exceptions import BadRequest, NotFound, RequestEntityTooLarge, UnsupportedMediaType

from app.errors import DETAIL_MAX, EncodedBody, Invalid
from app.web.nearest import nearest_field

Path = tuple[object, ...]  # the names and indexes that lead to a value

CACHED = 128  # bytes of a query string
ID_MAX = 100  # characters of an id that an error repeats
PLACES = {"json": "body", "form": "body", "query": "query"}
UNKNOWN, NOT_AN_OBJECT = (ma.Schema().error_messages[kind] for kind in ("unknown", "type"))


class Parser(FlaskParser):
    """The parser of webargs with the JSON rules and the error of this API."""

    DEFAULT_UNKNOWN_BY_LOCATION = {"json": ma.RAISE, "query": ma.RAISE}

    def load_json(self, req: Request, schema: ma.Schema) -> Any:
        allowed = {"", "application/json"} | ({"application/merge-patch+json"} if req.method == "PATCH" else set())
        if req.mimetype not in allowed:
            raise UnsupportedMediaType(f"Send JSON with Content-Type: application/json, not {req.mimetype}.")
        try:
            return orjson.loads(whole_body(req))
        except orjson.JSONDecodeError as error:
            raise BadRequest(f"The body is not valid JSON: {error}.") from None

    def parse(self, argmap: Any, req: Request | None = None, *, location: str | None = None, **options: Any) -> Any:
        """Read the request. Short query strings are cached, because clients that poll repeat them."""
        if location != "query" or len(request.query_string) > CACHED:
            return super().parse(argmap, req, location=location, **options)
        return dict(self._parse_query(argmap, request.query_string))

    @lru_cache(maxsize=256)  # noqa: B019  # there is one parser, and it is never deleted
    def _parse_query(self, schema: ma.Schema, _query: bytes) -> dict[str, Any]:
        values: dict[str, Any] = super().parse(schema, location="query")
        return values

    def load_querystring(self, req: Request, schema: ma.Schema) -> Any:
        values = super().load_querystring(req, schema)
        refuse_repeated(req, values.multiple_keys)
        return values

    def handle_error(self, error: ma.ValidationError, req: Request, schema: ma.Schema, **kwargs: Any) -> NoReturn:
        """Raise the errors that marshmallow found: in the order of the schema, then unknown fields by name."""
        messages: dict[str, Any]
        ((location, messages),) = error.messages_dict.items()
        place = PLACES[location]
        found = list(_messages(place, (), messages))
        # A request may have thousands of unknown names. Only the first ones are compared with the known names.
        explained = [(path, _explain(place, path, text, schema)) for path, text in found[:DETAIL_MAX]]
        raise Invalid([_problem(place, path, text) for path, text in explained + found[DETAIL_MAX:]])


def whole_body(req: Request) -> bytes:
    """The body of the request. Raises 413 if it is longer than its limit, 415 if it is encoded."""
    if req.content_encoding not in (None, "", "identity"):
        raise EncodedBody(f"Send the body as it is, without Content-Encoding: {req.content_encoding}.")
    data = req.get_data()
    if req.content_length is None and len(data) == req.max_content_length:
        raise RequestEntityTooLarge  # werkzeug cuts a body without a Content-Length off at the limit
    return data


def refuse_repeated(req: Request, repeatable: set[str]) -> None:
    """Raise 422 for a query parameter that is given twice and is not `repeatable`."""
    for name, values in req.args.lists():
        if len(values) > 1 and name not in repeatable:
            raise Invalid.at("query", pointer_token(name), f"{name} is given more than once.")


def refuse_query(req: Request) -> None:
    """Raise 422 for any query parameter of a route without parameters."""
    if req.query_string and req.args:
        raise Invalid([_problem("query", (name,), f"{UNKNOWN} This path has no parameters.") for name in req.args])


def path_id(text: str, noun: str = "") -> int:
    """The id in a path. Raises 422 if it is not a whole number; a number that no record can have is 404 later.

    With a `noun`, a text that is not a number is the id of no record, so it raises 404 too.
    """
    if not re.fullmatch("-?(0|[1-9][0-9]{0,99})", text):
        if noun:
            raise NotFound(f"{noun} {text[:ID_MAX]} not found")
        raise Invalid.at("path", "id", "id must be a whole number.")
    return int(text)


def pointer_token(name: object) -> str:
    """`name` as a reference token of a JSON pointer (RFC 6901, section 3)."""
    return str(name).replace("~", "~0").replace("/", "~1")


def _messages(place: str, path: Path, found: Any) -> Iterator[tuple[Path, str]]:
    """Each of marshmallow's messages about the value at `path`: texts, or messages by field or index."""
    if isinstance(found, dict) and (place == "body" or not path):
        for name in sorted(found, key=lambda name: name if found[name] == [UNKNOWN] else ""):
            yield from _messages(place, (*path, name), found[name])
    else:  # the messages of a repeated parameter are by index, but it has one name
        texts = found if isinstance(found, list) else dict.fromkeys(chain.from_iterable(found.values()))
        yield from ((path, text) for text in texts)


def _explain(place: str, path: Path, text: str, schema: ma.Schema) -> str:
    """`text`; for an unknown field also the nearest field that there is, and where the list is."""
    if text != UNKNOWN:
        return text
    near = nearest_field(schema, path)
    guess = f"Did you mean {near}? " if near else ""
    return f"{UNKNOWN} {guess}/docs lists the {'fields' if place == 'body' else 'parameters'}."


def _problem(place: str, path: Path, text: str) -> dict[str, str]:
    *outer, name = path
    where = "/".join(map(str, outer))
    if name == ma.exceptions.SCHEMA and not text.startswith(UNKNOWN):
        path, sentence = tuple(outer), "must be a JSON object." if text == NOT_AN_OBJECT else text
        detail = f"{where or f'The {place}'} {sentence}"
    else:
        detail = f"{where}: {name}: {text}" if outer else f"{name}: {text}"
    return {"in": place, "pointer": "".join(f"/{pointer_token(token)}" for token in path), "detail": detail}
