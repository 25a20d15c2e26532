"""The audit log of what requests write."""

from collections.abc import Callable
from typing import Any

from flask import Response, g, request

from app import auth
from app.services import audit


def recorded(act: Callable[[], Response]) -> Response:
    """What `act` answers, and an entry in the same transaction if it wrote something.

    It has not if a POST found the record there already (200), or a PATCH had no members.
    """
    response = act()
    resource, _, action = str(request.endpoint).partition(".")
    details = g.pop("audit_details", {})
    if request.method == "PATCH":
        details = {"members": sorted(request.get_json(force=True)), **details}
    if response.status_code == (201 if request.method == "POST" else 200) and details.get("members") != []:
        audit.add(
            action,
            resource,
            _resource_id(response),
            actor=auth.actor(),
            key_id=auth.key_id(),
            request_id=g.request_id,
            details=details,
        )
    return response


def note(**details: Any) -> None:
    """Say more of the write than who did what to which record."""
    g.audit_details = details


def _resource_id(response: Response) -> int | None:
    """The record of the path, else the new one; None for a write to many."""
    if path := request.view_args:
        return int(path["id"])
    location = response.headers.get("Location")
    return int(location.rpartition("/")[2]) if location else None
