"""Adds to the audit log."""

from typing import Any

from sqlalchemy import insert

from app.database.columns import now
from app.extensions import db
from app.models import AuditEntry
from app.models.recipe_runs import SYSTEM


def add(
    action: str,
    resource: str,
    *resource_ids: int,
    actor: str = SYSTEM,
    key_id: int | None = None,
    request_id: str | None = None,
    details: dict[str, Any] | None = None,
) -> None:
    """Note a write in the transaction that makes it: an entry for each of the records, one if none is named.

    By default it is a command's, whoever has typed that.
    """
    entry = {
        "at": now(),
        "actor": actor,
        "key_id": key_id,
        "action": action,
        "resource": resource,
        "request_id": request_id,
        "details": details or None,
    }
    entries = [entry | {"resource_id": number} for number in resource_ids or [None]]
    db.session.connection().execute(insert(AuditEntry.__table__), entries)
