"""Absolute links, for documents that people and programs keep, such as feeds."""

from typing import Any

from flask import request, url_for
from werkzeug.exceptions import BadRequest


def absolute(endpoint: str, **values: Any) -> str:
    """The URL of `endpoint` on the host of this request."""
    if not request.host:
        raise BadRequest("The Host header is not the name of a host.")
    return url_for(endpoint, _external=True, **values)
