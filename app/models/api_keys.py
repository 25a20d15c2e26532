"""API keys: their digests, never the keys."""

from datetime import datetime

from sqlalchemy.orm import Mapped, mapped_column

from app.extensions import db
from app.models.columns import UTCDateTime, now

# Who acts with the key of the configuration, which is no row.
ADMIN = "admin"


class APIKey(db.Model):
    """A key that may write; the nullable flags are the original's, and null means no."""

    __tablename__ = "apikey"

    encrypted_key: Mapped[str] = mapped_column(primary_key=True)
    created_at: Mapped[datetime | None] = mapped_column(UTCDateTime, default=now)
    is_active: Mapped[bool | None] = mapped_column(default=True)
    is_admin: Mapped[bool | None] = mapped_column(default=False)
    label: Mapped[str | None]
