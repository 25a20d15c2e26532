"""Idempotency-Key: a POST that is repeated is done once, and gets the same answer again.

It follows draft-ietf-httpapi-idempotency-key-header-07 and the practice of Stripe: a successful answer is kept for 24
hours, for the same API key and the same request. A request that failed has changed nothing, so it may be repeated.
"""

import hashlib
import re
from collections.abc import Callable

from flask import Response, current_app, request
from nacl.secret import SecretBox
from sqlalchemy import func, select
from werkzeug.exceptions import BadRequest, Conflict

from app.database.columns import now
from app.errors import Invalid
from app.extensions import db
from app.models import IdempotencyKey
from app.models.idempotency_keys import LIFETIME
from app.web import auth

REPLAYED = "Idempotency-Replayed"


def once(act: Callable[[], Response]) -> Response:
    """The answer of `act`, or the kept answer to the same request before. The answer is flushed, not committed.

    Raises 409 while the first request is in progress, 422 if the key was used for another request.
    """
    key = _key()
    if key is None:
        return act()
    scope, fingerprint = auth.digest(), _fingerprint()
    _claim(scope, key)
    kept = db.session.get(IdempotencyKey, (scope, key), with_for_update=True)
    if kept and now() - kept.created_at < LIFETIME:
        if kept.fingerprint != fingerprint:
            raise Invalid.at("header", "Idempotency-Key", f"Idempotency-Key {key} was used for another request.")
        return _replay(kept)
    response = act()
    if response.status_code < 300:
        record = IdempotencyKey(
            scope=scope,
            key=key,
            fingerprint=fingerprint,
            status=response.status_code,
            location=response.headers.get("Location"),
            sealed_body=_seal().encrypt(response.get_data()),
            created_at=now(),
        )
        db.session.merge(record)
        db.session.flush()
    return response


def _key() -> str | None:
    """The value of the header, without the quotes that a structured field has (RFC 9651)."""
    given = request.headers.get("Idempotency-Key")
    if given is None:
        return None
    key = given[1:-1] if re.fullmatch('".*"', given) else given
    if not re.fullmatch(r"[!#-\[\]-~]{1,255}", key):
        raise BadRequest("Idempotency-Key must be 1 to 255 visible ASCII characters; a UUID is a good one.")
    return key


def _fingerprint() -> str:
    parts = (request.method, request.path.rstrip("/"), request.get_data())
    return hashlib.sha256(b"\0".join(part if isinstance(part, bytes) else part.encode() for part in parts)).hexdigest()


def _claim(scope: str, key: str) -> None:
    """Lock the key until the transaction ends. SQLite does not need it, because it has one writer at a time."""
    if db.session.get_bind().dialect.name != "postgresql":
        return
    lock = func.pg_try_advisory_xact_lock(func.hashtextextended(f"{scope} {key}", 0))
    if not db.session.scalar(select(lock)):
        raise Conflict(f"The first request with Idempotency-Key {key} is still in progress; try again in a moment.")


def _replay(kept: IdempotencyKey) -> Response:
    response = current_app.response_class(_seal().decrypt(kept.sealed_body), kept.status, mimetype="application/json")
    response.headers[REPLAYED] = "true"
    if kept.location:
        response.headers["Location"] = kept.location
    return response


def _seal() -> SecretBox:
    """Encryption by the caller's API key: an answer may contain a secret, and the service does not store the key."""
    secret = (current_app.config["ENCRYPTION_SALT"] + " seal " + auth.presented_key()).encode()
    return SecretBox(hashlib.sha256(secret).digest())
