"""Links to this service, with its public host and with the prefix that a proxy removes from paths."""

from collections.abc import Iterable
from typing import Any
from urllib.parse import urlencode

from flask import current_app, request, url_for
from werkzeug.exceptions import BadRequest


def absolute(endpoint: str, **values: Any) -> str:
    """The URL of `endpoint`. Raises 400 if its host is unknown."""
    if not (host := origin()):
        raise BadRequest("The Host header is not the name of a host.")
    return host + url_for(endpoint, **values)


def origin() -> str:
    """The scheme and the host of PUBLIC_URL, or of this request; empty if its Host is not the name of a host."""
    return current_app.config["PUBLIC_ORIGIN"] or (f"{request.scheme}://{request.host}" if request.host else "")


def with_query(path: str, parameters: Iterable[tuple[str, Any]]) -> str:
    """`path` with these query parameters."""
    return f"{path}?{urlencode(list(parameters))}".removesuffix("?")


def parameters_except(*names: str) -> list[tuple[str, str]]:
    """The query parameters of the request without those of these names."""
    return [(name, value) for name, value in request.args.items(multi=True) if name not in names]


def with_prefix(path: str) -> str:
    """`path` as clients see it."""
    return request.script_root + path
