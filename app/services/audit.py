"""Adds entries to the audit log."""

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
    """Add an entry for each of the records, or one entry without a record, in the transaction of the write.

    The default values are those of a command.
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
    entries = [entry | {"resource_id": resource_id} for resource_id in resource_ids or [None]]
    for batch in in_batches(entries):
        insert(AuditEntry, batch)
