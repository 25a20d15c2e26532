"""Lists on the wire: cursors, links to other pages, counts, picked members."""

from collections.abc import Callable
from dataclasses import astuple
from functools import lru_cache
from typing import Any
from urllib.parse import urlencode

from flask import Response, current_app, request
from itsdangerous import BadData, URLSafeSerializer
from marshmallow import Schema

from app.errors import Invalid
from app.json import respond
from app.schemas.serialiser import serialiser
from app.services.pages import Page, Position

LINK = "Link"
TOTAL = "X-Total-Count"
HEADERS = {
    LINK: {
        "description": "The pages `first`, `prev` and `next`, if there are such (RFC 8288); follow them as they are.",
        "schema": {"type": "string", "examples": ['</recipe_runs/?limit=2>; rel="first"']},
    },
    TOTAL: {
        "description": "How many records fit the filters; with `count=true`.",
        "schema": {"type": "integer", "examples": [1416]},
    },
}


def answer(view: Callable[..., Page], read: type[Schema], query: dict[str, Any], path: dict[str, int]) -> Response:
    """The page that `view` gives for `query`, its rows as `read` has them, with its headers."""
    fields, cursor = query.pop("fields", None), query.pop("cursor", None)
    shown = serialiser(read, frozenset(fields) if fields else None)
    place = f"{request.endpoint} {query['order_by']} {query['sort']}"
    cursors = _cursors(current_app.config["ENCRYPTION_SALT"], place)
    position = _opened(cursor, cursors, query["offset"])
    page = view(query | {"columns": shown.columns, "position": position}, **path)
    response = respond(shown.rows(page.rows))
    response.headers[LINK] = _links({"prev": page.prev, "next": page.next}, cursors)
    if page.total is not None:
        response.headers[TOTAL] = str(page.total)
    return response


@lru_cache(maxsize=256)
def _cursors(secret: str, place: str) -> URLSafeSerializer:
    """Signs cursors, so that they are ours, and of this list in this order."""
    return URLSafeSerializer(secret, place)


def _opened(cursor: str | None, cursors: URLSafeSerializer, offset: int) -> Position | None:
    if cursor is None:
        return None
    if offset:
        raise Invalid.at("query", "cursor", "cursor: Give a cursor or an offset, not both.")
    try:
        return Position(*cursors.loads(cursor))
    except (BadData, UnicodeError):
        sentence = "cursor: Take it from a link of this list in this order (order_by and sort), as it is."
        raise Invalid.at("query", "cursor", sentence) from None


def _links(positions: dict[str, Position | None], cursors: URLSafeSerializer) -> str:
    """The header (RFC 8288): this request with another cursor, or with none for the first page."""
    given = [item for item in request.args.items(multi=True) if item[0] not in ("cursor", "offset")]
    cursor = {rel: [("cursor", cursors.dumps(astuple(position)))] for rel, position in positions.items() if position}
    pages = {"first": given} | {rel: given + item for rel, item in cursor.items()}
    references = {rel: f"{request.path}?{urlencode(query)}".removesuffix("?") for rel, query in pages.items()}
    return ", ".join(f'<{reference}>; rel="{rel}"' for rel, reference in references.items())
