"""Domain exceptions, which know their status. `app.web.problems` answers them.

Beside those here, code below the edge raises werkzeug's HTTP exceptions; `detail` is their description.
"""

from werkzeug.exceptions import UnprocessableEntity

RETRY_AFTER = 5  # seconds

SENTENCES = 10  # of a long list of errors, how many `detail` repeats
ERRORS_MAX = 1000  # how many are listed at all


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
