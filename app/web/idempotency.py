"""Idempotency-Key: a POST that is repeated is done once, and gets the same answer again.

Signed requests have `webhook-id` in place of it, which their signature contains.

It follows draft-ietf-httpapi-idempotency-key-header-07 and the practice of Stripe: a successful answer is stored for 24
hours, for the same request (the same JSON in any form) with the same API key, or with a key of the same rotation. A
request that failed has changed nothing, so it may be repeated.
"""

import hashlib
import re
from collections.abc import Callable
from typing import Any

import orjson
from flask import Response, current_app, request
from nacl.exceptions import CryptoError
from nacl.secret import SecretBox
from sqlalchemy import func, or_, select
from werkzeug.exceptions import BadRequest, Conflict

from app.database.columns import now
from app.errors import Invalid
from app.extensions import db
from app.models import APIKey, IdempotencyKey
from app.models.idempotency_keys import LIFETIME
from app.web import auth

REPLAYED = "Idempotency-Replayed"


def once(act: Callable[[], Response]) -> Response:
    """The answer of `act`, or the stored answer to the same request before. The answer is flushed, not committed.

    Raises 409 while the first request is in progress, 422 if the key was used for another request.
    """
    key = _key()
    if key is None:
        return act()
    scopes, fingerprint = _scopes(), _fingerprint(_canonical(request.get_data()))
    _claim(scopes[0], key)
    stored = _stored(scopes, key)
    if stored:
        # An older release has stored the digest of the body as it was sent.
        if stored.fingerprint not in (fingerprint, _fingerprint(request.get_data())):
            name = auth.message_id_header()
            raise Invalid.at("header", name, f"{name} {key} was used for another request.")
        return _replay(stored)
    response = act()
    if response.status_code < 300:
        _store(key, fingerprint, response)
    return response


def _store(key: str, fingerprint: str, response: Response) -> None:
    """Store the answer; it replaces an expired one."""
    record = IdempotencyKey(
        scope=auth.digest(),
        key=key,
        fingerprint=fingerprint,
        status=response.status_code,
        location=response.headers.get("Location"),
        sealed_body=_seals()[0].encrypt(response.get_data()),
        created_at=now(),
    )
    db.session.merge(record)
    db.session.flush()


def _key() -> str | None:
    """The value of the header, without the quotes that a structured field has (RFC 9651)."""
    name = auth.message_id_header()
    given = request.headers.get(name)
    if given is None:
        return None
    key = given[1:-1] if re.fullmatch('".*"', given) else given
    if not re.fullmatch(r"[!#-\[\]-~]{1,255}", key):
        raise BadRequest(f"{name} must be 1 to 255 visible ASCII characters; a UUID is a good one.")
    return key


def _fingerprint(body: bytes) -> str:
    place = f"{request.method}\0{request.path.rstrip('/')}\0"
    return hashlib.sha256(place.encode() + body).hexdigest()


def _canonical(body: bytes) -> bytes:
    """The JSON of `body` without blanks and with sorted names, so that its form does not matter.

    Of a repeated name the last value counts, as everywhere in the API. `1` and `1.0` are different: no field accepts
    both. A body that is not JSON is returned as it is; the request will be refused.
    """
    try:
        return orjson.dumps(orjson.loads(body), option=orjson.OPT_SORT_KEYS)
    except (orjson.JSONDecodeError, orjson.JSONEncodeError):  # the latter if it is nested deeper than 254 levels
        return body


def _scopes() -> list[str]:
    """The digests of the caller's key and of those that replaced it or that it replaced, the oldest first.

    So a client finds its answer with the new key after a rotation. Raises 401 if the key was deleted meanwhile.
    """
    if auth.key_id() is None:
        return [auth.digest()]
    family = select(APIKey.id, APIKey.replaced_by).where(APIKey.id == auth.key_id()).cte("family", recursive=True)
    related = or_(APIKey.replaced_by == family.c.id, APIKey.id == family.c.replaced_by)
    family = family.union(select(APIKey.id, APIKey.replaced_by).join(family, related))
    digests = select(APIKey.encrypted_key).join(family, family.c.id == APIKey.id).order_by(APIKey.id)
    return list(db.session.scalars(digests)) or auth.refuse_key()


def _stored(scopes: list[str], key: str) -> IdempotencyKey | None:
    """The answer that was stored for `key` in one of `scopes` within its lifetime, locked."""
    stored = select(IdempotencyKey).where(IdempotencyKey.scope.in_(scopes), IdempotencyKey.key == key)
    current = stored.where(IdempotencyKey.created_at > now() - LIFETIME)
    return db.session.scalar(current.order_by(IdempotencyKey.created_at.desc()).limit(1).with_for_update())


def _claim(scope: str, key: str) -> None:
    """Lock the key until the transaction ends. SQLite does not need it, because it has one writer at a time.

    All keys of a rotation use the same `scope` here.
    """
    if db.session.get_bind().dialect.name != "postgresql":
        return
    lock = func.pg_try_advisory_xact_lock(func.hashtextextended(f"{scope} {key}", 0))
    if not db.session.scalar(select(lock)):
        name = auth.message_id_header()
        raise Conflict(f"The first request with {name} {key} is still in progress; try again in a moment.")


def _replay(stored: IdempotencyKey) -> Response:
    response = current_app.response_class(_opened(stored), stored.status, mimetype="application/json")
    response.headers[REPLAYED] = "true"
    if stored.location:
        response.headers["Location"] = stored.location
    return response


def _opened(stored: IdempotencyKey) -> bytes:
    """The body of the stored answer. Raises 409 if only the key that sent the first request can open it."""
    for seal in _seals():
        try:
            return seal.decrypt(stored.sealed_body)
        except CryptoError:
            continue
    raise Conflict(
        f"The first request with Idempotency-Key {stored.key} was executed. Its answer contains a secret, and only the "
        "API key that sent it can read it."
    )


def _seals() -> list[SecretBox]:
    """The boxes that can decrypt a stored answer. The first one encrypts a new answer.

    An answer to an administrator may contain a secret. So it is encrypted with the caller's, which the service does
    not store. Any other answer is public; it is encrypted with the salt, so that another key of the client can read it.
    """
    by_key, by_salt = (_seal(secret) for secret in (auth.presented_key(), ""))
    view: Any = current_app.view_functions[str(request.endpoint)]
    return [by_key] if view.caller is auth.Caller.ADMIN else [by_salt, by_key]


def _seal(secret: str) -> SecretBox:
    text = current_app.config["ENCRYPTION_SALT"] + " seal " + secret
    return SecretBox(hashlib.sha256(text.encode()).digest())
