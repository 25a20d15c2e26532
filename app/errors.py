"""Domain exceptions that carry their HTTP status. `app.web.problems` turns them into responses.

Models and services also raise werkzeug's HTTP exceptions. The description of an exception becomes `detail`.
"""

from typing import Any

from werkzeug.exceptions import UnprocessableEntity, UnsupportedMediaType

RETRY_AFTER = 5  # seconds

DETAIL_MAX = 10  # errors that `detail` repeats
ERRORS_MAX = 1000  # errors in the response


class Invalid(UnprocessableEntity):
    """The request is well-formed but breaks a rule of the API (422).

    `errors` is a list of `{"in": "body" | "header" | "path" | "query", "pointer": …, "detail": sentence}`. `pointer` is
    a JSON pointer (RFC 6901) into that part of the request.
    """

    def __init__(self, errors: list[dict[str, str]]) -> None:
        sentences = [error["detail"] for error in errors[:DETAIL_MAX]]
        if len(errors) > DETAIL_MAX:
            sentences.append(f"And {len(errors) - DETAIL_MAX} more.")
        super().__init__(" ".join(sentences))
        self.errors = errors[:ERRORS_MAX]

    @classmethod
    def at(cls, place: str, name: str, detail: str) -> "Invalid":
        return cls([{"in": place, "pointer": f"/{name}", "detail": detail}])

    @classmethod
    def in_list(cls, field: str, errors: list[list[dict[str, str]]]) -> "Invalid":
        """Collect the errors of the items of a list in the body. `errors` has a list for each item of `field`."""
        places = [f"{field}/{index}" for index in range(len(errors))]
        return cls(
            [
                error | {"pointer": f"/{place}{error['pointer']}", "detail": f"{place}: {error['detail']}"}
                for place, found in zip(places, errors, strict=True)
                for error in found
            ]
        )


class EncodedBody(UnsupportedMediaType):
    """The body has a Content-Encoding (415). The answer says which are accepted (RFC 9110, section 12.5.3)."""

    def get_headers(self, *args: Any) -> list[tuple[str, str]]:
        return [*super().get_headers(*args), ("Accept-Encoding", "identity")]
