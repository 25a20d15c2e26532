"""Hostile requests and the exact answer to each: `(method, path, headers, body)` and `(status, detail or errors)`.

The application has a bakery named "taken", a feedstock and a run, each with the id 1. The requests include all those
that were recorded with the original about reading, keys and bodies.
"""

from tests.support.apps import ADMIN_KEY

KEY = {"X-API-Key": ADMIN_KEY}
JSON = {"Content-Type": "application/json"}
SEND = KEY | JSON


def invalid(place, sentences):
    """The answer 422 with these sentences, by their pointers into that part of the request."""
    return 422, [{"in": place, "pointer": pointer, "detail": sentence} for pointer, sentence in sentences.items()]
