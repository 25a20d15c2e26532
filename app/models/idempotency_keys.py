"""Stored answers to POST requests, for clients that repeat a request."""

from datetime import datetime, timedelta

from sqlalchemy.orm import Mapped, mapped_column

from app.database.columns import UTCDateTime
from app.extensions import db

LIFETIME = timedelta(hours=24)


class IdempotencyKey(db.Model):
    """The first answer to a request with an Idempotency-Key, encrypted (`app.web.idempotency`).

    `scope` is the digest of the API key, `fingerprint` is the digest of the request.
    """

    __tablename__ = "idempotency_key"

    scope: Mapped[str] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(primary_key=True)
    fingerprint: Mapped[str]
    status: Mapped[int]
    location: Mapped[str | None]
    sealed_body: Mapped[bytes]
    created_at: Mapped[datetime] = mapped_column(UTCDateTime, index=True)

    def __repr__(self) -> str:
        return "<IdempotencyKey>"  # the primary key contains a digest, which must not be logged
