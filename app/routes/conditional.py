"""Conditional requests (RFC 9110, section 13): answers carry a strong ETag, writes heed If-Match."""

from flask import current_app, request
from marshmallow import Schema
from werkzeug.exceptions import PreconditionFailed
from werkzeug.http import generate_etag
from werkzeug.wrappers import Response

from app.models.base import Record


def tagged(response: Response) -> Response:
    """`response` with its ETag; 304 without a body if the client has it already."""
    response.set_etag(generate_etag(response.get_data()))
    response.headers.setdefault("Cache-Control", "no-cache")
    return response.make_conditional(request)


def require_match(record: Record, detail: type[Schema]) -> None:
    """Raise 412 if the request has an If-Match that what GET answers for `record` does not meet.

    To be asked once the row is locked, so that of several writers with one ETag only the first is served.
    """
    if "If-Match" in request.headers:
        body = current_app.json.dumps(detail().dump(record)).encode()
        if not request.if_match.contains(generate_etag(body)):
            raise PreconditionFailed(f"{record.label} {record.id} is not as If-Match says; get it again.")
