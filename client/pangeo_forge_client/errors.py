"""The exceptions of this package. Each is a sentence for people, with the facts for programs as attributes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import httpx


class PangeoForgeError(Exception):
    """The base of all exceptions of this package."""


class NoAnswerError(PangeoForgeError):
    """The service could not be reached, or the connection was lost before the answer, at every attempt."""


class UnexpectedAnswerError(PangeoForgeError):
    """The answer is not one of a Pangeo Forge API. The address of the service is probably wrong."""


class UnknownNameError(PangeoForgeError):
    """No record has that name."""


class MissingPackageError(PangeoForgeError):
    """A package is not installed that only some users of this one need."""


class OpeningError(PangeoForgeError):
    """The service does not know how a dataset is opened."""


@dataclass(frozen=True)
class FieldError:
    """What is wrong with one field of a request: its `place` (body, query, path, header) and JSON pointer."""

    place: str
    pointer: str
    detail: str


class AnswerError(PangeoForgeError):
    """The service refused the request. `detail` is its sentence, which says what to do."""

    def __init__(self, response: httpx.Response) -> None:
        body = _body(response)
        self.response = response
        self.status = response.status_code
        self.detail = _detail(response, body)
        self.errors = [
            FieldError(str(error.get("in", "")), str(error.get("pointer", "")), str(error.get("detail", "")))
            for error in _objects(body.get("errors"))
        ]
        self.request_id: str | None = body.get("request_id") or response.headers.get("X-Request-ID")
        super().__init__(self.detail)


class NotAllowedError(AnswerError):
    """401 or 403: there is no API key, it is not valid, or it may not do that."""


class NotFoundError(AnswerError):
    """404: there is no such record."""


class ConflictError(AnswerError):
    """409 or 412: the request contradicts the state of the record."""


class InvalidError(AnswerError):
    """422: `errors` says which fields are wrong."""


class UnavailableError(AnswerError):
    """429 or 5xx: the service is busy or down. The same request may succeed later."""


BY_STATUS: dict[int, type[AnswerError]] = {
    401: NotAllowedError,
    403: NotAllowedError,
    404: NotFoundError,
    409: ConflictError,
    412: ConflictError,
    422: InvalidError,
    429: UnavailableError,
}


def error_of(response: httpx.Response) -> AnswerError:
    """The exception for an answer with a status of 400 or more."""
    default = UnavailableError if response.status_code >= 500 else AnswerError
    return BY_STATUS.get(response.status_code, default)(response)


def _body(response: httpx.Response) -> Mapping[str, Any]:
    try:
        body = response.json()
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}


def _objects(value: object) -> list[Mapping[str, Any]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def _detail(response: httpx.Response, body: Mapping[str, Any]) -> str:
    """The sentence of the service. A proxy in front of it sends none, so it is named instead."""
    if isinstance(body.get("detail"), str):
        return str(body["detail"])
    return f"{response.url.host} answered {response.status_code} {response.reason_phrase} without a reason."
