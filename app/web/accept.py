"""What kind of answer a client prefers."""

from flask import request


def prefers_html() -> bool:
    """Whether the client prefers HTML to JSON, as browsers do."""
    accepted = request.accept_mimetypes
    return accepted["text/html"] > accepted["application/json"]
