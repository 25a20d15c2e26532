"""The audit log of what requests write."""

from collections.abc import Callable
from typing import Any

from flask import Response, g, request

from app.services import audit
from app.web import auth


def recorded(act: Callable[[], Response]) -> Response:
    """What `act` answers, and an entry in the same transaction if it wrote something.

    It has not if a POST found the record there already (200), or a PATCH left it as it was.
    """
    response = act()
    resource, _, action = str(request.endpoint).partition(".")
    details, ids, changed = g.pop("audit_details", {}), g.pop("audit_ids", None), g.pop("audit_changed", True)
    if request.method == "PATCH":
        details = {"members": sorted(request.get_json(force=True)), **details}
    if response.status_code == (201 if request.method == "POST" else 200) and changed:
        audit.add(
            action,
            resource,
            *(ids or _resource_ids(response)),
            actor=auth.actor(),
            key_id=auth.key_id(),
            request_id=g.request_id,
            details=details,
        )
    return response


def note(**details: Any) -> None:
    """Say more of the write than who did what to which record."""
    g.audit_details = details


def note_ids(ids: list[int]) -> None:
    """Say which records a write to many has written."""
    g.audit_ids = ids


def note_change(changed: bool) -> None:
    """Say whether the record is another than before; a write that leaves it as it was is no entry."""
    g.audit_changed = changed


def _resource_ids(response: Response) -> list[int]:
    """The record of the path, else the new one."""
    if path := request.view_args:
        return [int(path["id"])]
    location = response.headers.get("Location")
    return [int(location.rpartition("/")[2])] if location else []
