"""If-Match for writes (RFC 9110, section 13.1.1). The ETags are those of `app.web.documents`."""

from flask import request
from marshmallow import Schema
from werkzeug.exceptions import PreconditionFailed

from app.database import rows
from app.database.record import Record
from app.web import documents
from app.web.documents import Source


def require_match(record: Record, detail: type[Schema], source: Source = rows, *, exists: bool = True) -> None:
    """Raise 412 if the request has an If-Match, and GET of `record` would answer another ETag, or none.

    The row must be locked already, so that of several writers with one ETag only the first succeeds.
    """
    if "If-Match" not in request.headers:
        return
    if not exists or not request.if_match.contains(documents.etag(type(record), detail, record.id, source)):
        raise PreconditionFailed(f"{record.noun} {record.id} does not match If-Match; get it again.")
