"""The audit log: who wrote what, and when. Triggers of the database refuse updates and deletes."""

from datetime import datetime
from typing import Any, ClassVar

from sqlalchemy import JSON
from sqlalchemy.orm import Mapped, mapped_column

from app.database.columns import BIG_ID, UTCDateTime
from app.database.filters import Filter, since, until
from app.database.id_blocks import block_index
from app.database.indexes import list_index
from app.extensions import db


class AuditEntry(db.Model):
    """One write. The entry is inserted in the transaction of the write.

    The record and the key may be deleted later, so no column is a foreign key. `action` is the operation id of the
    OpenAPI document, or the name of a command. `key_id` and `request_id` are null for a command; `key_id` is also null
    for the admin key of the configuration.
    """

    __tablename__ = "audit"
    __table_args__ = (
        list_index("at"),
        list_index("resource_id"),
        block_index("audit", "at"),
        {"sqlite_autoincrement": True},
    )

    filters: ClassVar[dict[str, Filter]] = {
        "since": since("at", has_blocks=True),
        "until": until("at", has_blocks=True),
    }

    id: Mapped[int] = mapped_column(BIG_ID, primary_key=True)
    at: Mapped[datetime] = mapped_column(UTCDateTime)
    actor: Mapped[str]
    key_id: Mapped[int | None]
    action: Mapped[str]
    resource: Mapped[str]
    resource_id: Mapped[int | None]
    request_id: Mapped[str | None]
    details: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
