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
@blp.paged(AuditQuery, AuditRead, description="A page of entries, the first first.")
def list_audit(query: dict[str, Any]) -> Page:
    """List the audit log

    Every write that was done, and everything done to API keys, over the API or by command. Entries are only ever
    added. What was refused changed nothing and is in the logs of the service instead.
    """
    return pages.read(AuditEntry, **query)
