"""Absolute links, for documents that are read apart from the request they answer."""

from typing import Any

from flask import request, url_for
from werkzeug.exceptions import BadRequest


def absolute(endpoint: str, **values: Any) -> str:
    """The url of `endpoint` at the host that the client has asked."""
    if not request.host:
        raise BadRequest("The Host header is not the name of a host.")
    return url_for(endpoint, _external=True, **values)
