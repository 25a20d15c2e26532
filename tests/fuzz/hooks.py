"""Replaces values that the document allows, but that are only valid if they come from an earlier answer."""

import json
from uuid import uuid4

import schemathesis


@schemathesis.serializer("application/x-ndjson")
def serialise_lines(context, value):
    return value.encode(errors="replace") if isinstance(value, str) else json.dumps(value).encode()


@schemathesis.hook
def before_call(context, case, **_):
    """Remove the cursor and `fields`, let If-Match match any record, and use each Idempotency-Key once.

    A cursor is signed, an ETag comes from an answer, and a used key belongs to another request. With `fields`, records
    lack fields that their schema requires. Requests that should be refused are sent unchanged, but /stac ignores
    parameters that it does not know.
    """
    if case.operation.path == "/stac/collections":
        case.query.pop("fields", None)
    if case.meta is None or not case.meta.generation.mode.is_positive:
        return
    for name in ("cursor", "fields"):
        case.query.pop(name, None)
    if "If-Match" in case.headers:
        case.headers["If-Match"] = "*"
    if "Idempotency-Key" in case.headers:
        case.headers["Idempotency-Key"] = str(uuid4())
