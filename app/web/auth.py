"""Authenticates callers and authorises what they do."""

import enum
import hmac
import logging
import re
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, NoReturn, cast

from flask import current_app, g, request
from sqlalchemy import bindparam, or_, select, update
from sqlalchemy.exc import InternalError, OperationalError
from werkzeug import exceptions
from werkzeug.datastructures import WWWAuthenticate
from werkzeug.exceptions import Forbidden, Unauthorized

from app.database.columns import INTEGER_MAX, now
from app.database.statements import fetch
from app.extensions import db
from app.keys import has_wrong_checksum, key_digest
from app.models import APIKey
from app.models.api_keys import ADMIN, ADMIN_SCOPE, BAKERY_SCOPE, UNLABELLED, WRITE_SCOPE, bakery_ids, scopes
from app.models.bakery_secrets import SIGNED_BY_BAKERY, SIGNED_BY_GITHUB
from app.services import bakery_secrets
from app.web import body_budget, limits, signatures
from app.web.parser import whole_body

logger = logging.getLogger(__name__)

HEADERS = "the header X-API-Key, or Authorization: Bearer"
ISSUER = "Administrators of this service create keys, with POST /api-keys."
# They begin with the words of the original, which clients may look for.
NO_KEY = f"Not authenticated. Send an API key in {HEADERS}. {ISSUER}"
WRONG_KEY = f"Invalid API Key. The key in {HEADERS} is unknown, or it has expired or was revoked. {ISSUER}"
WRONG_SIGNATURE = (
    "Invalid signature. webhook-signature does not sign this body with a valid secret of the bakery, or "
    "webhook-timestamp is more than five minutes from now. Administrators of this service create secrets, with POST "
    "/bakeries/{id}/webhook-secret."
)
# The sentences of the original.
NO_GITHUB_SIGNATURE = "Request does not include a GitHub hash signature header."
WRONG_GITHUB_SIGNATURE = "Request hash signature invalid."
NO_GITHUB_SECRET = "This service accepts no webhooks of GitHub: its operator has not set GITHUB_WEBHOOK_SECRET."
REALM: dict[str, str | None] = {"realm": "pangeo-forge"}
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
    REPORTER = "as RUNNER, and the bakery in the path, which signs the request as Standard Webhooks says"
    GITHUB = "the GitHub App and the monitor of Dataflow, which sign the request with GITHUB_WEBHOOK_SECRET"


def declare(view: Callable[..., Any], caller: Caller) -> Callable[..., Any]:
    """Set `caller` on a view. The OpenAPI document and a test of all routes read it."""
    cast(Any, view).caller = caller
    return view


def authorise(caller: Caller, bakery_id: str = "") -> None:
    """Check the key of the request or its signature. `bakery_id` is from the path, and not validated yet.

    Raises 403 without either, 401 if it is not valid, 403 if it lacks the rights, and 429 past a limit, see
    `app.web.limits`. The use of a key is recorded in the transaction; the blueprint commits it.
    """
    if caller is Caller.GITHUB:
        _check_signature_of_github()
    elif caller is Caller.REPORTER and signatures.SIGNATURE in request.headers:
        _check_signature_of_bakery(bakery_id)
    else:
        _check_key(caller)


def _check_key(caller: Caller) -> None:
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
        refuse_key()
    [(g.key_id, label, is_admin, bakeries, last_used_at)] = found
    g.actor, g.scopes = label or UNLABELLED, scopes(bool(is_admin), bakeries)
    limits.count_write(digest)
    _require_scope(caller)
    _record_use(last_used_at)


def refuse_key() -> NoReturn:
    """Raise the 401 of a wrong key. A key may also be deleted after it was checked."""
    limits.count_failure()
    raise Unauthorized(WRONG_KEY, www_authenticate=WWWAuthenticate("bearer", REALM))


def _check_signature_of_bakery(bakery_id: str) -> None:
    """Check the signature before the body is parsed. No transaction is open while the body arrives."""
    is_id = re.fullmatch("[1-9][0-9]{0,9}", bakery_id) and int(bakery_id) <= INTEGER_MAX
    secrets = bakery_secrets.valid(int(bakery_id), current_app.config["ENCRYPTION_SALT"]) if is_id else []
    if not secrets or not signatures.is_of_bakery(secrets, _signed_body()):
        _refuse_signature(WRONG_SIGNATURE, signatures.SIGNATURE)
    scope = BAKERY_SCOPE.format(bakery_id)
    _accept_signature(scope, [scope], SIGNED_BY_BAKERY.format(bakery_id), signatures.MESSAGE_ID)


def _check_signature_of_github() -> None:
    if not request.headers.get(signatures.GITHUB_SIGNATURE):
        raise Unauthorized(NO_GITHUB_SIGNATURE, www_authenticate=_challenge(signatures.GITHUB_SIGNATURE))
    secret = current_app.config["GITHUB_WEBHOOK_SECRET"]
    if not secret:
        raise exceptions.NotImplemented(NO_GITHUB_SECRET)
    if not signatures.is_of_github(secret, _signed_body()):
        _refuse_signature(WRONG_GITHUB_SIGNATURE, signatures.GITHUB_SIGNATURE)
    _accept_signature("github", [WRITE_SCOPE], SIGNED_BY_GITHUB, signatures.GITHUB_DELIVERY)


def _signed_body() -> bytes:
    body_budget.reserve("signed_body_budget")
    return whole_body(request)


def _refuse_signature(sentence: str, header: str) -> NoReturn:
    limits.count_failure()
    raise Unauthorized(sentence, www_authenticate=_challenge(header))


def _challenge(header: str) -> WWWAuthenticate:
    return WWWAuthenticate("hmac-sha256", REALM | {"header": header})


def _accept_signature(name: str, allowed: list[str], actor_name: str, message_id: str) -> None:
    """Store the caller. `name` is in place of the digest of a key, and cannot be one; `message_id` is a header."""
    g.key_digest, g.key_id, g.scopes, g.actor, g.message_id = name, None, allowed, actor_name, message_id
    limits.count_write(name)


def require_bakeries(*ids: int | None) -> None:
    """Raise 403 if the caller's key is limited to bakeries that do not include all of these. None is no bakery."""
    others = set(ids) - set(bakery_ids(g.scopes))
    if others and _limited():
        names = ", ".join(str(number) for number in sorted(filter(None, others)))
        reason = f"not of bakery {names}" if names else "and this belongs to no bakery"
        raise Forbidden(f"This key may only write runs of its bakeries ({', '.join(g.scopes)}), {reason}.")


def digest() -> str:
    """The digest of the caller's key, or the name of a caller that signs."""
    return str(g.key_digest)


def actor() -> str:
    """The caller's name in the history and in the audit log."""
    return str(g.actor)


def key_id() -> int | None:
    """The id of the caller's key; None for the administrator's key of the configuration, and for a signature."""
    return cast("int | None", g.key_id)


def message_id_header() -> str:
    """The header that says whether a POST is a repetition. Where a signature contains an id, it is that."""
    return str(g.get("message_id", "Idempotency-Key"))


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
