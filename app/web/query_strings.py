"""Query parameters that are ignored: cache busters everywhere, and unknown ones on pages that people link to."""

import re
from collections.abc import Callable
from urllib.parse import unquote_to_bytes

from flask import request
from marshmallow import Schema

CACHE_BUSTER = re.compile("_|utm_.*", re.DOTALL)


def parameters(schema: Schema) -> frozenset[str]:
    """The names of the query parameters that `schema` reads."""
    return frozenset(field.data_key or name for name, field in schema.load_fields.items())


def ignore_cache_busters() -> None:
    """Remove `_` and `utm_…` from the query of a GET. Libraries and newsletters add them to URLs."""
    if request.method in ("GET", "HEAD") and b"_" in request.query_string:
        _drop_others(lambda name: not CACHE_BUSTER.fullmatch(name))


def ignore_unknown(known: frozenset[str]) -> None:
    """Remove the query parameters that are not `known`, before `request.args` is read."""
    _drop_others(known.__contains__)


def _drop_others(is_kept: Callable[[str], bool]) -> None:
    """Remove the other parameters from the query string itself, so that links do not repeat them."""
    kept = [item for item in request.query_string.split(b"&") if is_kept(_name(item))]
    request.query_string = b"&".join(kept)


def _name(item: bytes) -> str:
    return unquote_to_bytes(item.partition(b"=")[0].replace(b"+", b" ")).decode(errors="replace")
