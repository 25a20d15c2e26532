"""The audit log of what requests write."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from flask import g, request

from app.services import audit
from app.web import auth


@dataclass(frozen=True)
class Written:
    """What a view that writes returns: the answer, and what the audit log needs to know about the write.

    `content` and `status` are for `Blueprint.response`, which has a default for the status. There is an entry for each
    of `ids`, the records that were written, unless the write left them as they were (`changed`). `resource` is the kind
    of these records, if the route is not named after it.
    """

    content: Any
    ids: Sequence[int]
    status: int | None = None
    headers: dict[str, str] = field(default_factory=dict)
    details: dict[str, Any] = field(default_factory=dict)
    changed: bool = True
    resource: str | None = None


def add_entries(written: Written) -> None:
    """Add the write of this request to the audit log, in the same transaction. A PATCH names the fields it sent."""
    if not written.changed:
        return
    resource, _, action = str(request.endpoint).partition(".")
    sent = {"members": sorted(request.get_json(force=True))} if request.method == "PATCH" else {}
    audit.add(
        action,
        written.resource or resource,
        *written.ids,
        actor=auth.actor(),
        key_id=auth.key_id(),
        request_id=g.request_id,
        details=sent | written.details,
    )
