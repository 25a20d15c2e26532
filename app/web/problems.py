"""All error handlers. Every error has the same body: problem details (RFC 9457)."""

import logging
from http import HTTPStatus
from typing import Any

from flask import Flask, Response, current_app, g, request
from gunicorn.http.errors import ParseException
from sqlalchemy.exc import InterfaceError, InternalError, OperationalError, ProgrammingError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from werkzeug.exceptions import (
    BadRequest,
    ClientDisconnected,
    HTTPException,
    InternalServerError,
    MethodNotAllowed,
    NotFound,
    RequestEntityTooLarge,
    RequestTimeout,
    ServiceUnavailable,
)

from app.database import revision
from app.database.engine import cause, is_faulty_statement, is_full, is_read_only, lacks_rights
from app.errors import RETRY_AFTER, Invalid
from app.extensions import db
from app.web.links import with_prefix
from app.web.nearest import nearest_path
from config import REQUEST_TIMEOUT

logger = logging.getLogger(__name__)

ERROR_HEADERS = ("Accept-Encoding", "Allow", "Content-Range", "Retry-After", "WWW-Authenticate")


def init_app(app: Flask) -> None:
    app.register_error_handler(HTTPException, problem)
    for fault in (OperationalError, InterfaceError, InternalError, PoolTimeout):
        app.register_error_handler(fault, unavailable)
    app.register_error_handler(ProgrammingError, recheck)
    app.register_error_handler(ClientDisconnected, body_is_late)
    app.register_error_handler(ParseException, body_is_malformed)


def problem(error: HTTPException) -> Response:
    """The response for `error`, with the headers that its status requires."""
    status = HTTPStatus(error.code or 500)
    body: dict[str, Any] = {
        "type": "about:blank",
        "title": status.phrase,
        "status": status.value,
        "detail": _detail(error),
    }
    if isinstance(error, Invalid):
        body["errors"] = error.errors
    body["request_id"] = g.request_id
    response = current_app.make_response(body)
    response.status_code = status.value
    response.content_type = "application/problem+json"
    headers = dict(error.get_headers(request.environ))
    response.headers.update({name: headers[name] for name in ERROR_HEADERS if name in headers})
    return response


def unavailable(error: Exception) -> Response:
    """503 with the reason why the database did not serve the request. The client can try again.

    The log gets one line: during an outage, every request fails with the same traceback.
    """
    if is_faulty_statement(error):
        return recheck(error)
    fields = {"error": type(error).__name__, "cause": cause(error), "request_id": g.request_id}
    logger.error("database unavailable", extra=fields)
    return problem(ServiceUnavailable(_reason(error), retry_after=RETRY_AFTER))


def recheck(error: Exception) -> Response:
    """503 if our role lacks a right, or if the database was downgraded in the meantime; otherwise it is a bug."""
    db.session.rollback()
    if lacks_rights(error):
        return unavailable(error)
    revision.forget()
    try:
        revision.check()
    except ServiceUnavailable as outdated:
        return problem(outdated)
    raise error


def body_is_late(_error: ClientDisconnected) -> Response:
    """408 if the body is incomplete, because its deadline has passed or the client has gone."""
    return _last(problem(RequestTimeout(f"The body did not arrive whole within {REQUEST_TIMEOUT} seconds.")))


def body_is_malformed(error: ParseException) -> Response:
    """400 for malformed chunks, which gunicorn finds only when the application reads them."""
    return _last(problem(BadRequest(f"The body is not valid HTTP: {error}")))


def _last(response: Response) -> Response:
    """`response` as the last of its connection, because it is unknown where the next request begins."""
    response.headers["Connection"] = "close"
    return response


def log_bug(exc_info: Any) -> None:
    """Log an unexpected exception, which is answered with 500, with the request id that the client gets."""
    logger.error("unexpected error", extra={"request_id": g.request_id}, exc_info=exc_info)


def _reason(error: Exception) -> str:
    """What the operator or the client can do about `error`, without the words of the database."""
    if is_read_only(error):
        return "The database is read-only at the moment. Try again in a few seconds."
    if lacks_rights(error):
        return "The service lacks a right in its database. Its operator has to grant it: `flask doctor` says which."
    if is_full(error):
        return "The database has no space left. Its operator has to free some."
    return "The database did not answer in time. Try again in a few seconds."


def _detail(error: HTTPException) -> str:
    if isinstance(error, InternalServerError):
        return "Something went wrong on our side; the request id helps us to find out what."
    if isinstance(error, RequestEntityTooLarge):
        return f"The body is larger than {request.max_content_length} bytes."
    if isinstance(error, MethodNotAllowed):
        allowed = ", ".join(sorted(error.valid_methods or ()))
        return f"{request.method} is not possible at {request.path}, only {allowed}."
    if isinstance(error, NotFound) and error.description == NotFound.description:
        near = nearest_path(request.path)
        guess = f" (did you mean {near}?)" if near else ""
        return f"There is nothing at {request.path}{guess}; {with_prefix('/docs')} lists what there is."
    return error.description or error.name
