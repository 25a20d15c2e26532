"""API keys: their digests, never the keys."""

from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, ForeignKey, String, UniqueConstraint, case, func, literal, type_coerce
from sqlalchemy.ext.hybrid import hybrid_property
from sqlalchemy.orm import Mapped, mapped_column
from sqlalchemy.types import TypeDecorator

from app.database.columns import UTCDateTime, now
from app.database.record import Record

# Who acts with the key of the configuration, which is no row.
ADMIN = "admin"
# What the history calls a key that has no label.
UNLABELLED = "a key without a label"

# What a key may do: everything, everything but look after keys, or write the runs of one bakery, by its id.
ADMIN_SCOPE, WRITE_SCOPE, BAKERY_SCOPE = "admin", "write", "bakery:{}"


class _Scopes(TypeDecorator[list[str]]):
    """Scopes, of a text that is `admin`, `write` or the ids of bakeries."""

    impl = String
    cache_ok = True

    def process_result_value(self, value: str | None, dialect: Any) -> list[str]:
        limits = None if value in (ADMIN_SCOPE, WRITE_SCOPE) else value
        return scopes(value == ADMIN_SCOPE, limits)


class APIKey(Record):
    """A key that may write; the nullable flags are the original's, and null means no.

    The original knows a row by `encrypted_key`, which is as unique to it as a primary key would be.
    """

    __tablename__ = "apikey"
    __table_args__ = (UniqueConstraint("encrypted_key"), {"sqlite_autoincrement": True})

    noun = "API key"

    encrypted_key: Mapped[str]
    created_at: Mapped[datetime | None] = mapped_column(UTCDateTime, default=now)
    is_active: Mapped[bool | None] = mapped_column(default=True)
    is_admin: Mapped[bool | None] = mapped_column(default=False)
    label: Mapped[str | None]
    id: Mapped[int] = mapped_column(primary_key=True)
    created_by: Mapped[str | None]
    expires_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    last_used_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    # The bakeries that a service account is limited to, by their ids: "12 15". Null: the key is not limited.
    bakery_ids: Mapped[str | None]
    # The key that took the place of this one.
    replaced_by: Mapped[int | None] = mapped_column(ForeignKey("apikey.id", ondelete="SET NULL"))

    def __repr__(self) -> str:
        return f"<APIKey {self.id}>"

    @hybrid_property
    def scopes(self) -> list[str]:
        return scopes(bool(self.is_admin), self.bakery_ids)

    @scopes.inplace.setter
    def _set_scopes(self, values: list[str]) -> None:
        self.is_admin = ADMIN_SCOPE in values
        limits = bakery_ids(values)
        self.bakery_ids = " ".join(map(str, limits)) if limits else None

    @scopes.inplace.expression
    @classmethod
    def _select_scopes(cls) -> ColumnElement[list[str]]:
        admin, limits = literal(ADMIN_SCOPE), func.coalesce(cls.bakery_ids, WRITE_SCOPE)
        return type_coerce(case((cls.is_admin.is_(True), admin), else_=limits), _Scopes)

    @property
    def works(self) -> bool:
        """Whether the key opens anything: it is active and has not expired."""
        return bool(self.is_active) and (self.expires_at is None or self.expires_at > now())


def scopes(is_admin: bool, limits: str | None) -> list[str]:
    """The scopes of a row with those values; an administrator is never limited."""
    if is_admin:
        return [ADMIN_SCOPE]
    return [WRITE_SCOPE] if limits is None else [BAKERY_SCOPE.format(number) for number in limits.split()]


def bakery_ids(values: list[str]) -> list[int]:
    """The bakeries that `values`, scopes, are limited to, by id; none if they are not limited."""
    return sorted({int(value.partition(":")[2]) for value in values if ":" in value})
