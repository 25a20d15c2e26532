"""Create, change and rotate API keys. The key itself is returned once and never stored."""

from datetime import timedelta
from typing import Any

from sqlalchemy import select
from werkzeug.exceptions import Conflict

from app.database.columns import INTEGER_MAX, now
from app.errors import Invalid
from app.extensions import db
from app.keys import key_digest, new_key
from app.models import APIKey, Bakery
from app.models.api_keys import bakery_ids
from app.services import records


def create(values: dict[str, Any], actor: str, salt: str) -> tuple[APIKey, str]:
    """Return a new record, created by `actor`, and its key. Raises 422 if a bakery in its scopes does not exist."""
    _require_bakeries(values["scopes"])
    return _store(APIKey(**values, created_by=actor), salt)


def update(record: APIKey, values: dict[str, Any], actor: str, caller_id: int | None) -> bool:
    """Set `values` and return whether the record changed.

    Raises 422 if a bakery in the scopes does not exist, 409 if the caller changes its key in more than the label.
    """
    if values.keys() - {"label"}:
        refuse_own(record, caller_id)
    _require_bakeries(values.get("scopes", []))
    return records.update(record, values, actor)


def refuse_own(record: APIKey, caller_id: int | None) -> None:
    """Raise 409 if the record is the caller's own key, so that administrators cannot lock themselves out."""
    if record.id == caller_id:
        raise Conflict(
            f"API key {record.id} is the key of this request. Use the key of another administrator to change it."
        )


def delete(record: APIKey, caller_id: int | None) -> None:
    """Delete the key. Raises 409 for the caller's own key, and for one that replaced a key which is still valid."""
    refuse_own(record, caller_id)
    for old in db.session.scalars(select(APIKey).where(APIKey.replaced_by == record.id)):
        if old.is_valid:
            raise Conflict(
                f"API key {record.id} replaced API key {old.id}, which is still valid. Revoke or delete that first."
            )
    records.delete(record)


def rotate(record: APIKey, grace: timedelta, actor: str, salt: str) -> tuple[APIKey, str]:
    """Return a new record that replaces `record`, and its key. The old key expires after `grace`.

    Raises 409 if the old key is not valid or was replaced already.
    """
    if record.replaced_by:
        raise Conflict(f"API key {record.id} was rotated already: API key {record.replaced_by} replaced it.")
    if not record.is_valid:
        raise Conflict(f"API key {record.id} is not valid any more. Create a new one.")
    kept = {name: getattr(record, name) for name in ("label", "scopes", "expires_at")}
    successor, key = _store(APIKey(**kept, created_by=actor), salt)
    record.replaced_by = successor.id
    end = now() + grace
    record.expires_at = min(end, record.expires_at) if record.expires_at else end
    db.session.flush()
    return successor, key


def _store(record: APIKey, salt: str) -> tuple[APIKey, str]:
    key = new_key()
    record.encrypted_key = key_digest(salt, key)
    db.session.add(record)
    db.session.flush()
    return record, key


def _require_bakeries(scopes: list[str]) -> None:
    required = bakery_ids(scopes)
    existing = select(Bakery.id).where(Bakery.id.in_([id for id in required if id <= INTEGER_MAX]))
    if missing := sorted(set(required) - set(db.session.scalars(existing) if required else ())):
        raise Invalid.at("body", "scopes", f"scopes: bakery {', '.join(map(str, missing))} not found")
