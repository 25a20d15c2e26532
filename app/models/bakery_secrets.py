"""The secrets with which bakeries sign their reports. The table stores them encrypted."""

from datetime import datetime

from sqlalchemy import ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from app.database.columns import UTCDateTime
from app.database.record import Record
from app.models.bakeries import Bakery

# The actor of a request that a bakery has signed, and of one that is signed with GITHUB_WEBHOOK_SECRET.
SIGNED_BY = "webhook of "
SIGNED_BY_BAKERY, SIGNED_BY_GITHUB = SIGNED_BY + "bakery {}", SIGNED_BY + "github"


class BakerySecret(Record):
    """A secret of a bakery. After a rotation, the former one is valid until `expires_at`."""

    __tablename__ = "bakery_secret"
    __table_args__ = ({"sqlite_autoincrement": True},)

    noun = "webhook secret"

    id: Mapped[int] = mapped_column(primary_key=True)
    bakery_id: Mapped[int] = mapped_column(ForeignKey(Bakery.id, ondelete="CASCADE"), index=True)
    sealed: Mapped[str]
    created_at: Mapped[datetime] = mapped_column(UTCDateTime)
    created_by: Mapped[str]
    expires_at: Mapped[datetime | None] = mapped_column(UTCDateTime)

    def __repr__(self) -> str:
        return f"<BakerySecret {self.id}>"
