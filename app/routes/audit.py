"""The audit log, for administrators."""

from typing import Any

from app.database import pages
from app.database.pages import Page
from app.models import AuditEntry
from app.schemas.audit import AuditQuery, AuditRead
from app.web.auth import Caller
from app.web.blueprint import Blueprint

blp = Blueprint("audit", __name__, url_prefix="/audit", description="Who wrote what, and when.")


@blp.route("", methods=["GET"], caller=Caller.ADMIN)
@blp.paged(AuditQuery, AuditRead, description="A page of entries, oldest first.")
def list_audit(query: dict[str, Any]) -> Page:
    """List the audit log

    Every successful write, through the API or by a command. The service only adds entries; it never changes or deletes
    them. Refused requests are not in the audit log but in the logs of the service.
    """
    return pages.read_page(AuditEntry, **query)
