"""Make, change and replace API keys. A key itself is returned once, and stored nowhere."""

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
    """A new record, made by `actor`, and its key. Raises 422 if it is to be limited to a bakery that does not exist."""
    _require_bakeries(values["scopes"])
    return _store(APIKey(**values, created_by=actor), salt)


def update(record: APIKey, values: dict[str, Any], actor: str, caller_id: int | None) -> bool:
    """Set `values`; whether that changed anything.

    Raises 422 as `create` does, 409 if the caller would take something from their own key.
    """
    if values.keys() - {"label"}:
        refuse_own(record, caller_id)
    _require_bakeries(values.get("scopes", []))
    return records.update(record, values, actor)


def refuse_own(record: APIKey, caller_id: int | None) -> None:
    """Raise 409 if it is the caller's own key, so that nobody locks themselves out by mistake."""
    if record.id == caller_id:
        raise Conflict(f"API key {record.id} is the one you are using; take another administrator's to do that to it.")


def delete(record: APIKey, caller_id: int | None) -> None:
    """Raises 409 for the caller's own key, and while one works whose place it has taken: that would end unreplaced."""
    refuse_own(record, caller_id)
    for old in db.session.scalars(select(APIKey).where(APIKey.replaced_by == record.id)):
        if old.works:
            raise Conflict(f"API key {record.id} has taken the place of API key {old.id}; revoke or delete that first.")
    records.delete(record)


def rotate(record: APIKey, grace: timedelta, actor: str, salt: str) -> tuple[APIKey, str]:
    """A record that takes the place of `record`, and its key; the old key works until `grace` is over.

    Raises 409 if the old key does not work any more, or was replaced already.
    """
    if record.replaced_by:
        raise Conflict(f"API key {record.id} was rotated already: API key {record.replaced_by} has taken its place.")
    if not record.works:
        raise Conflict(f"API key {record.id} does not work any more; make a new one.")
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
    wanted = bakery_ids(scopes)
    known = select(Bakery.id).where(Bakery.id.in_([number for number in wanted if number <= INTEGER_MAX]))
    if missing := sorted(set(wanted) - set(db.session.scalars(known) if wanted else ())):
        raise Invalid.at("body", "scopes", f"scopes: bakery {', '.join(map(str, missing))} not found")
