"""Answers to POST requests, kept for as long as a client may ask again."""

from datetime import datetime, timedelta

from sqlalchemy.orm import Mapped, mapped_column

from app.database.columns import UTCDateTime
from app.extensions import db

LIFETIME = timedelta(hours=24)


class IdempotencyKey(db.Model):
    """The first answer to a request with an Idempotency-Key, sealed so that only the holder of the API key can read it.

    `scope` is the digest of that API key, `fingerprint` that of the request.
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
        return "<IdempotencyKey>"  # without its primary key, a digest among it
