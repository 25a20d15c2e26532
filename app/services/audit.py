"""Adds to the audit log."""

from typing import Any

from app.database.columns import now
from app.database.fairness import in_batches
from app.database.statements import insert
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
    for batch in in_batches([entry | {"resource_id": number} for number in resource_ids or [None]]):
        insert(AuditEntry, batch)
