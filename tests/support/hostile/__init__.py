"""Hostile requests and what exactly each is answered: `(method, path, headers, body)` and `(status, detail or errors)`.

Each is sent to an application with a bakery named "taken", a feedstock and a run, all with the id 1. Among them is
everything that the record of the original's behaviour has on reading, on keys and on bodies.
"""

from tests.conftest import ADMIN_KEY

KEY = {"X-API-Key": ADMIN_KEY}
JSON = {"Content-Type": "application/json"}
SEND = KEY | JSON


def invalid(place, sentences):
    """422 with those sentences, each by its pointer into that place."""
    return 422, [{"in": place, "pointer": pointer, "detail": sentence} for pointer, sentence in sentences.items()]
