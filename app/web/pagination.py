"""Lists on the wire: cursors, links to other pages, counts, selected fields."""

import hashlib
from collections.abc import Callable
from functools import lru_cache, partial
from typing import Any

from flask import Response, current_app, request
from itsdangerous import BadData, URLSafeSerializer
from marshmallow import Schema

from app.database.pages import Cursor, Page
from app.errors import Invalid
from app.web import documents
from app.web.json import json_serialiser
from app.web.links import origin, parameters_except, with_prefix, with_query

SIGNATURE = {"key_derivation": "hmac", "digest_method": hashlib.sha256}
LINK = "Link"
TOTAL = "X-Total-Count"
HEADERS = {
    LINK: {
        "description": "URLs (RFC 8288) of the pages `first`, `prev` and `next`, if they exist. Do not change them.",
        "schema": {"type": "string", "examples": ['<https://api.pangeo-forge.org/recipe_runs/?limit=2>; rel="first"']},
    },
    TOTAL: {
        "description": "The number of records that match the filters; only with `count=true`.",
        "schema": {"type": "integer", "examples": [1416]},
    },
}


def answer(view: Callable[..., Page], read: type[Schema], query: dict[str, Any], path: dict[str, int]) -> Response:
    """The page that `view` gives for `query`, its rows as `read` has them, with its headers."""
    fields = query.pop("fields", None)
    shown = json_serialiser(read, frozenset(fields) if fields else None)
    page, pages = read_page(partial(view, **path), query | {"columns": shown.columns}, str(request.endpoint))
    response = documents.of_rows(shown, page.rows)
    response.headers[LINK] = ", ".join(f'<{origin()}{reference}>; rel="{rel}"' for rel, reference in pages.items())
    if page.total is not None:
        response.headers[TOTAL] = str(page.total)
    return response


def read_page(read: Callable[..., Page], query: dict[str, Any], endpoint: str) -> tuple[Page, dict[str, str]]:
    """The page that `read` gives for `query`, and references to `first` and to those beside it, by their relation.

    Cursors are those of `endpoint`.
    """
    order = f"{endpoint} {query['order_by']} {query['sort']}"
    signer = _signer(current_app.config["ENCRYPTION_SALT"], order)
    cursor = _opened(query.pop("cursor", None), signer, query["offset"])
    page = read(query | {"cursor": cursor})
    found = {"prev": page.prev, "next": page.next}
    return page, _references({rel: _signed(signer, cursor) for rel, cursor in found.items() if cursor})


@lru_cache(maxsize=256)
def _signer(secret: str, order: str) -> URLSafeSerializer:
    """Signs cursors, so that they are ours, and of this list in this order. The key is derived for this purpose."""
    return URLSafeSerializer(secret, f"cursor {order}", signer_kwargs=SIGNATURE)


def _opened(cursor: str | None, signer: URLSafeSerializer, offset: int) -> Cursor | None:
    if cursor is None:
        return None
    if offset:
        raise Invalid.at("query", "cursor", "cursor: Give a cursor or an offset, not both.")
    try:
        return Cursor(*signer.loads(cursor))
    except (BadData, UnicodeError):
        sentence = (
            "cursor: Take it from a link of this list in this order (order_by and sort), as it is. If it is from an "
            "earlier release of the service, start again at the first page."
        )
        raise Invalid.at("query", "cursor", sentence) from None


@lru_cache(maxsize=256)
def _signed(signer: URLSafeSerializer, cursor: Cursor) -> str:
    """Signed once for all who look at the same page, as most do who poll."""
    signed: str = signer.dumps((cursor.value, cursor.id, cursor.backward))
    return signed


def _references(cursors: dict[str, str]) -> dict[str, str]:
    """This request with another cursor, or with none for the first page."""
    given = parameters_except("cursor", "offset")
    pages = {"first": given} | {rel: [*given, ("cursor", cursor)] for rel, cursor in cursors.items()}
    path = with_prefix(request.path)
    return {rel: with_query(path, query) for rel, query in pages.items()}
