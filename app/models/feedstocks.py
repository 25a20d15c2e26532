"""Feedstocks: the repositories that contain recipes."""

from sqlalchemy import UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from app.database.record import Record

PROVIDERS = ("github",)


class Feedstock(Record):
    __tablename__ = "feedstock"
    __table_args__ = (UniqueConstraint("provider", "spec"), {"sqlite_autoincrement": True})

    noun = "feedstock"
    natural_key = ("provider", "spec")

    spec: Mapped[str]
    provider: Mapped[str] = mapped_column(server_default="github")
    id: Mapped[int] = mapped_column(primary_key=True)
