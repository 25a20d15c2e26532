"""One error body for every error: problem details (RFC 9457).

Code below the edge raises werkzeug's HTTP exceptions, which know their status; `detail` is their description.
"""

import logging
from typing import Any

from flask import Flask, Response, current_app, g, request
from sqlalchemy.exc import InterfaceError, InternalError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from werkzeug.exceptions import (
    HTTPException,
    InternalServerError,
    MethodNotAllowed,
    NotFound,
    RequestEntityTooLarge,
    ServiceUnavailable,
    UnprocessableEntity,
)

logger = logging.getLogger(__name__)

RETRY_AFTER = 5  # seconds

SENTENCES = 10  # of a long list of errors, how many `detail` repeats
ERRORS_MAX = 1000  # how many are listed at all

ERROR_HEADERS = ("Allow", "Retry-After", "WWW-Authenticate")


class Invalid(UnprocessableEntity):
    """The request is well-formed but breaks the rules of the API.

    `errors` is a list of `{"in": "body" | "header" | "path" | "query", "pointer": …, "detail": sentence}`, with a JSON
    pointer (RFC 6901) into that part.
    """

    def __init__(self, errors: list[dict[str, str]]) -> None:
        sentences = [error["detail"] for error in errors[:SENTENCES]]
        if len(errors) > SENTENCES:
            sentences.append(f"And {len(errors) - SENTENCES} more.")
        super().__init__(" ".join(sentences))
        self.errors = errors[:ERRORS_MAX]

    @classmethod
    def at(cls, place: str, name: str, detail: str) -> "Invalid":
        return cls([{"in": place, "pointer": f"/{name}", "detail": detail}])

    @classmethod
    def among(cls, member: str, errors: list[list[dict[str, str]]]) -> "Invalid":
        """The errors of each item of the list that the body has as `member`."""
        places = [f"{member}/{index}" for index in range(len(errors))]
        return cls(
            [
                error | {"pointer": f"/{place}{error['pointer']}", "detail": f"{place}: {error['detail']}"}
                for place, found in zip(places, errors, strict=True)
                for error in found
            ]
        )


def init_app(app: Flask) -> None:
    app.register_error_handler(HTTPException, problem)
    for fault in (OperationalError, InterfaceError, InternalError, PoolTimeout):
        app.register_error_handler(fault, unavailable)
    app.log_exception = log_bug  # type: ignore[method-assign]  # the place Flask has for it


def problem(error: HTTPException) -> Response:
    """The response for `error`, with the headers its status calls for."""
    body: dict[str, Any] = {
        "type": "about:blank",
        "title": error.name,
        "status": error.code,
        "detail": _detail(error),
    }
    if isinstance(error, Invalid):
        body["errors"] = error.errors
    body["request_id"] = g.request_id
    response = current_app.make_response(body)
    response.status_code = error.code or 500
    response.content_type = "application/problem+json"
    headers = dict(error.get_headers(request.environ))
    response.headers.update({name: headers[name] for name in ERROR_HEADERS if name in headers})
    return response


def unavailable(error: Exception) -> Response:
    """503 for a database that is down, read-only, locked or out of connections: the client can try again."""
    fields = {"request_id": g.request_id, "error": type(error).__name__}
    # Where all wait for a connection, many give up at the same moment, and their tracebacks say nothing.
    logger.error("database unavailable", extra=fields, exc_info=None if isinstance(error, PoolTimeout) else error)
    sentence = "The database did not answer in time. Try again in a few seconds."
    return problem(ServiceUnavailable(sentence, retry_after=RETRY_AFTER))


def log_bug(exc_info: Any) -> None:
    """Log an exception nobody foresaw, which is answered with 500, under the id its caller was given."""
    logger.error("unexpected error", extra={"request_id": g.request_id}, exc_info=exc_info)


def _detail(error: HTTPException) -> str:
    if isinstance(error, InternalServerError):
        return "Something went wrong on our side; the request id helps us to find out what."
    if isinstance(error, RequestEntityTooLarge):
        return f"The body is larger than {request.max_content_length} bytes."
    if isinstance(error, MethodNotAllowed):
        allowed = ", ".join(sorted(error.valid_methods or ()))
        return f"{request.method} is not possible at {request.path}, only {allowed}."
    if isinstance(error, NotFound) and error.description == NotFound.description:
        return f"There is nothing at {request.path}; /docs lists what there is."
    return error.description or error.name
