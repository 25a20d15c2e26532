"""Writes that heed If-Match (RFC 9110, section 13.1.1). The ETags are those of `app.web.documents`."""

from flask import request
from marshmallow import Schema
from werkzeug.exceptions import PreconditionFailed

from app.database.record import Record
from app.web import documents


def require_match(record: Record, detail: type[Schema]) -> None:
    """Raise 412 if the request has an If-Match that what GET answers for `record` does not meet.

    To be asked once the row is locked, so that of several writers with one ETag only the first is served.
    """
    asked = "If-Match" in request.headers
    if asked and not request.if_match.contains(documents.etag(type(record), detail, record.id)):
        raise PreconditionFailed(f"{record.noun} {record.id} is not as If-Match says; get it again.")
