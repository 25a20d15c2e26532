"""Who is calling, and whether they may."""

import enum
import hmac
import secrets
from collections.abc import Callable
from typing import Any, cast

from flask import current_app, g, request
from werkzeug.datastructures import WWWAuthenticate
from werkzeug.exceptions import Forbidden, Unauthorized

from app import limits
from app.extensions import db
from app.models import APIKey
from app.models.api_keys import ADMIN
from config import key_digest

UNLABELLED = "a key without a label"


class Caller(enum.Enum):
    """Who may call a route; every route declares one."""

    PUBLIC = "anyone"
    WRITER = "anyone with an API key"
    ADMIN = "administrators"


def declare(view: Callable[..., Any], caller: Caller) -> Callable[..., Any]:
    """Write on a view who may call it, for the test that walks all routes to read."""
    cast(Any, view).caller = caller
    return view


def authorise(caller: Caller) -> None:
    """Let the request pass, or raise 403 without a key, 401 for one that is not valid, 403 for lack of rights.

    Raises 429 for what is past a limit, see `app.limits`.
    """
    if caller is Caller.PUBLIC:
        return
    key = presented_key()
    if not key:
        raise Forbidden("Not authenticated")
    g.key_digest = key_digest(current_app.config["ENCRYPTION_SALT"], key)
    holder = _holder(g.key_digest)
    if holder is None:
        limits.count_failure()
        raise Unauthorized("Invalid API Key", www_authenticate=WWWAuthenticate("bearer", {"realm": "pangeo-forge"}))
    g.actor, is_admin = holder
    limits.count_write(g.key_digest)
    if caller is Caller.ADMIN and not is_admin:
        raise Forbidden("This key may not do that; it takes an administrator's key.")


def digest() -> str:
    """The digest of the caller's key."""
    return str(g.key_digest)


def actor() -> str:
    """Who makes this request, as the history names them."""
    return str(g.actor)


def new_key(is_admin: bool, label: str | None) -> tuple[APIKey, str]:
    """A record to store and the key itself, 32 hex digits, which is not stored anywhere."""
    key = secrets.token_hex(16)
    digest = key_digest(current_app.config["ENCRYPTION_SALT"], key)
    return APIKey(encrypted_key=digest, is_admin=is_admin, label=label), key


def presented_key() -> str:
    """The key in the request, empty if there is none."""
    if key := request.headers.get("X-API-Key", "").strip():
        return key
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


def _holder(digest: str) -> tuple[str, bool] | None:
    """Who holds the key with that digest, and whether as an administrator; None if there is no such active key."""
    if hmac.compare_digest(digest, current_app.config["ADMIN_API_KEY_SHA256"]):
        return ADMIN, True
    record = db.session.get(APIKey, digest)
    holder = (record.label or UNLABELLED, bool(record.is_admin)) if record and record.is_active else None
    db.session.rollback()  # the body is read next, which may take its time: no transaction, and no lock, waits for it
    return holder
