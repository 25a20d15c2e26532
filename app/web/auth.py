"""Authenticates callers and authorises what they do."""

import enum
import hmac
import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, cast

from flask import current_app, g, request
from sqlalchemy import bindparam, or_, select, update
from sqlalchemy.exc import InternalError, OperationalError
from werkzeug.datastructures import WWWAuthenticate
from werkzeug.exceptions import Forbidden, Unauthorized

from app.database.columns import now
from app.database.statements import fetch
from app.extensions import db
from app.keys import has_wrong_checksum, key_digest
from app.models import APIKey
from app.models.api_keys import ADMIN, ADMIN_SCOPE, UNLABELLED, WRITE_SCOPE, bakery_ids, scopes
from app.web import limits

logger = logging.getLogger(__name__)

HEADERS = "the header X-API-Key, or Authorization: Bearer"
ISSUER = "Administrators of this service create keys, with POST /api-keys."
# They begin with the words of the original, which clients may look for.
NO_KEY = f"Not authenticated. Send an API key in {HEADERS}. {ISSUER}"
WRONG_KEY = f"Invalid API Key. The key in {HEADERS} is unknown, or it has expired or was revoked. {ISSUER}"
USE_RECORDED_EVERY = timedelta(minutes=1)

_FIND = select(APIKey.id, APIKey.label, APIKey.is_admin, APIKey.bakery_ids, APIKey.last_used_at).where(
    APIKey.encrypted_key == bindparam("digest"),
    APIKey.is_active.is_(True),
    or_(APIKey.expires_at.is_(None), APIKey.expires_at > bindparam("time")),
)
# If several requests use one key at once, one of them records it; the others skip the locked row.
_DUE = select(APIKey.id).where(
    APIKey.id == bindparam("key_id"),
    or_(APIKey.last_used_at.is_(None), APIKey.last_used_at <= bindparam("due")),
)
_RECORD_USE = (
    update(APIKey.__table__)
    .where(APIKey.id.in_(_DUE.with_for_update(skip_locked=True)))
    .values(last_used_at=bindparam("time"))
)


class Caller(enum.Enum):
    """Who may call a route. Every route declares one."""

    PUBLIC = "anyone"
    READER = "anyone; the view calls `authorise` for what is not public"
    HOLDER = "anyone with an API key"
    RUNNER = "anyone with an API key; the view calls `require_bakeries` for keys that are limited to bakeries"
    WRITER = "anyone with an API key that is not limited to bakeries"
    ADMIN = "administrators"


def declare(view: Callable[..., Any], caller: Caller) -> Callable[..., Any]:
    """Set `caller` on a view. The OpenAPI document and a test of all routes read it."""
    cast(Any, view).caller = caller
    return view


def authorise(caller: Caller) -> None:
    """Check the key of the request. Raises 403 without one, 401 if it is not valid, 403 if it lacks the rights.

    Raises 429 past a limit, see `app.web.limits`. The use of the key is recorded in the transaction; the blueprint
    commits it.
    """
    key = presented_key()
    if not key:
        raise Forbidden(NO_KEY)
    config = current_app.config
    g.key_digest = digest = key_digest(config["ENCRYPTION_SALT"], key)
    if hmac.compare_digest(digest, config["ADMIN_API_KEY_SHA256"]):
        g.actor, g.key_id, g.scopes = ADMIN, None, [ADMIN_SCOPE]
        limits.count_write(digest)
        return
    found = [] if has_wrong_checksum(key) else fetch(_FIND, {"digest": digest, "time": now()})
    if not found:
        limits.count_failure()
        raise Unauthorized(WRONG_KEY, www_authenticate=WWWAuthenticate("bearer", {"realm": "pangeo-forge"}))
    [(g.key_id, label, is_admin, bakeries, last_used_at)] = found
    g.actor, g.scopes = label or UNLABELLED, scopes(bool(is_admin), bakeries)
    limits.count_write(digest)
    _require_scope(caller)
    _record_use(last_used_at)


def require_bakeries(*ids: int) -> None:
    """Raise 403 if the caller's key is limited to bakeries that do not include all of these."""
    allowed = bakery_ids(g.scopes)
    others = sorted(set(ids) - set(allowed))
    if others and _limited():
        names = ", ".join(map(str, others))
        raise Forbidden(f"This key may only write runs of its bakeries ({', '.join(g.scopes)}), not of bakery {names}.")


def digest() -> str:
    """The digest of the caller's key."""
    return str(g.key_digest)


def actor() -> str:
    """The caller's name in the history and in the audit log."""
    return str(g.actor)


def key_id() -> int | None:
    """The id of the caller's key; None for the administrator's key of the configuration."""
    return cast("int | None", g.key_id)


def presented_key() -> str:
    """The key in the request; an empty string if there is none."""
    if key := request.headers.get("X-API-Key", "").strip():
        return key
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


def _require_scope(caller: Caller) -> None:
    if caller is Caller.ADMIN and ADMIN_SCOPE not in g.scopes:
        raise Forbidden("This key may not do that. It requires an administrator's key.")
    if caller is Caller.WRITER and _limited():
        raise Forbidden(f"This key may only write runs of its bakeries ({', '.join(g.scopes)}).")


def _limited() -> bool:
    return not {ADMIN_SCOPE, WRITE_SCOPE} & set(g.scopes)


def _record_use(last: datetime | None) -> None:
    """Record at most once a minute that the key was used. A failure to do so is logged, and the request goes on.

    It never waits for another transaction. SQLite would wait for a writer, but not in a transaction that has read
    before: there it refuses at once. So this reads first.
    """
    time = now()
    if last and last > time - USE_RECORDED_EVERY:
        return
    try:
        values = {"key_id": g.key_id, "due": time - USE_RECORDED_EVERY, "time": time}
        connection = db.session.connection(execution_options={"read_only": True})
        connection.execute(_DUE, values)
        connection.execute(_RECORD_USE, values)
    except (OperationalError, InternalError) as error:
        db.session.rollback()
        fields = {"key_id": g.key_id, "error": type(error).__name__, "request_id": g.request_id}
        logger.warning("use of a key not recorded", extra=fields)
