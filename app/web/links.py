"""Links to this service, with its public host and with the prefix that a proxy removes from paths."""

from typing import Any

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


def with_prefix(path: str) -> str:
    """`path` as clients see it."""
    return request.script_root + path
