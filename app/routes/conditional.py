"""Writes that heed If-Match (RFC 9110, section 13.1.1). The ETags themselves are made in `app.http`."""

from flask import current_app, request
from marshmallow import Schema
from werkzeug.exceptions import PreconditionFailed
from werkzeug.http import generate_etag

from app.models.base import Record


def require_match(record: Record, detail: type[Schema]) -> None:
    """Raise 412 if the request has an If-Match that what GET answers for `record` does not meet.

    To be asked once the row is locked, so that of several writers with one ETag only the first is served.
    """
    if "If-Match" in request.headers:
        body = current_app.json.dumps(detail().dump(record)).encode()
        if not request.if_match.contains(generate_etag(body)):
            raise PreconditionFailed(f"{record.noun} {record.id} is not as If-Match says; get it again.")
