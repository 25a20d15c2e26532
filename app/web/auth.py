"""Who is calling, and whether they may."""

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

USE_NOTED_EVERY = timedelta(minutes=1)

_FIND = select(APIKey.id, APIKey.label, APIKey.is_admin, APIKey.bakery_ids, APIKey.last_used_at).where(
    APIKey.encrypted_key == bindparam("digest"),
    APIKey.is_active.is_(True),
    or_(APIKey.expires_at.is_(None), APIKey.expires_at > bindparam("time")),
)
# Of several requests with one key, one notes its use, and the others pass it by.
_DUE = select(APIKey.id).where(
    APIKey.id == bindparam("key_id"),
    or_(APIKey.last_used_at.is_(None), APIKey.last_used_at <= bindparam("due")),
)
_NOTE_USE = (
    update(APIKey.__table__)
    .where(APIKey.id.in_(_DUE.with_for_update(skip_locked=True)))
    .values(last_used_at=bindparam("time"))
)


class Caller(enum.Enum):
    """Who may call a route; every route declares one."""

    PUBLIC = "anyone"
    HOLDER = "anyone with an API key"
    RUNNER = "anyone with an API key, but one that is limited to bakeries has to pass `require_bakeries`"
    WRITER = "anyone with an API key that is not limited to bakeries"
    ADMIN = "administrators"


def declare(view: Callable[..., Any], caller: Caller) -> Callable[..., Any]:
    """Write on a view who may call it, for the test that walks all routes to read."""
    cast(Any, view).caller = caller
    return view


def authorise(caller: Caller) -> None:
    """Let the request pass, or raise 403 without a key, 401 for one that is not valid, 403 for lack of rights.

    That the key was used is noted in the transaction, for the edge to commit. Raises 429 for what is past a limit, see
    `app.web.limits`.
    """
    key = presented_key()
    if not key:
        raise Forbidden("Not authenticated")
    config = current_app.config
    g.key_digest = digest = key_digest(config["ENCRYPTION_SALT"], key)
    if hmac.compare_digest(digest, config["ADMIN_API_KEY_SHA256"]):
        g.actor, g.key_id, g.scopes = ADMIN, None, [ADMIN_SCOPE]
        limits.count_write(digest)
        return
    found = [] if has_wrong_checksum(key) else fetch(_FIND, {"digest": digest, "time": now()})
    if not found:
        limits.count_failure()
        raise Unauthorized("Invalid API Key", www_authenticate=WWWAuthenticate("bearer", {"realm": "pangeo-forge"}))
    [(g.key_id, label, is_admin, bakeries, last_used_at)] = found
    g.actor, g.scopes = label or UNLABELLED, scopes(bool(is_admin), bakeries)
    limits.count_write(digest)
    _require_scope(caller)
    _note_use(last_used_at)


def require_bakeries(*ids: int) -> None:
    """Raise 403 if the caller's key is limited to bakeries, and not to all of these."""
    allowed = bakery_ids(g.scopes)
    others = sorted(set(ids) - set(allowed))
    if others and _limited():
        names = ", ".join(map(str, others))
        raise Forbidden(f"This key may only write runs of its bakeries ({', '.join(g.scopes)}), not of bakery {names}.")


def digest() -> str:
    """The digest of the caller's key."""
    return str(g.key_digest)


def actor() -> str:
    """Who makes this request, as the history names them."""
    return str(g.actor)


def key_id() -> int | None:
    """The number of the caller's key; None for the one of the configuration."""
    return cast("int | None", g.key_id)


def presented_key() -> str:
    """The key in the request, empty if there is none."""
    if key := request.headers.get("X-API-Key", "").strip():
        return key
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


def _require_scope(caller: Caller) -> None:
    if caller is Caller.ADMIN and ADMIN_SCOPE not in g.scopes:
        raise Forbidden("This key may not do that; it takes an administrator's key.")
    if caller is Caller.WRITER and _limited():
        raise Forbidden(f"This key may only write runs of its bakeries ({', '.join(g.scopes)}).")


def _limited() -> bool:
    return not {ADMIN_SCOPE, WRITE_SCOPE} & set(g.scopes)


def _note_use(last: datetime | None) -> None:
    """Note, once a minute, that the key was used, without waiting for anyone; that it cannot be is no reason to fail.

    A reader on SQLite that meets a writer is refused at once, so it reads first.
    """
    time = now()
    if last and last > time - USE_NOTED_EVERY:
        return
    try:
        values = {"key_id": g.key_id, "due": time - USE_NOTED_EVERY, "time": time}
        connection = db.session.connection(execution_options={"read_only": True})
        connection.execute(_DUE, values)
        connection.execute(_NOTE_USE, values)
    except (OperationalError, InternalError) as error:
        db.session.rollback()
        fields = {"key_id": g.key_id, "error": type(error).__name__, "request_id": g.request_id}
        logger.warning("use of a key not noted", extra=fields)
