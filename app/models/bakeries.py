"""Bakeries: the compute environments that run recipes."""

from datetime import datetime
from typing import ClassVar

from sqlalchemy import UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from app.database.columns import LongText, UTCDateTime
from app.database.filters import Filter, is_unset_unless
from app.database.record import Record


class Bakery(Record):
    __tablename__ = "bakery"
    __table_args__ = (UniqueConstraint("name"), {"sqlite_autoincrement": True})

    noun = "bakery"
    natural_key = ("name",)
    filters: ClassVar[dict[str, Filter]] = {"include_retired": is_unset_unless("retired_at")}

    region: Mapped[str]
    name: Mapped[str]
    description: Mapped[str] = mapped_column(LongText)
    id: Mapped[int] = mapped_column(primary_key=True)
    # How long a run may be in progress in this bakery. Null: `reaper.IN_PROGRESS_LIMIT`.
    timeout_minutes: Mapped[int | None]
    retired_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    log_url: Mapped[str | None] = mapped_column(LongText)
