"""API keys. The table stores their digests, never the keys."""

from datetime import datetime
from typing import Any, ClassVar

from sqlalchemy import ColumnElement, ForeignKey, String, UniqueConstraint, case, func, literal, type_coerce
from sqlalchemy.ext.hybrid import hybrid_property
from sqlalchemy.orm import Mapped, mapped_column
from sqlalchemy.types import TypeDecorator

from app.database.columns import UTCDateTime, now
from app.database.filters import Filter, since, until
from app.database.record import Record

# The actor of requests with the admin key of the configuration, which has no row.
ADMIN = "admin"
# The actor of requests with a key that has no label.
UNLABELLED = "a key without a label"

# Scopes: everything, everything except the administration of keys, and only writing the runs of one bakery.
ADMIN_SCOPE, WRITE_SCOPE, BAKERY_SCOPE = "admin", "write", "bakery:{}"


class _Scopes(TypeDecorator[list[str]]):
    """Converts a text, `admin`, `write` or ids of bakeries separated by blanks, to a list of scopes."""

    impl = String
    cache_ok = True

    def process_result_value(self, value: str | None, dialect: Any) -> list[str]:
        ids = None if value in (ADMIN_SCOPE, WRITE_SCOPE) else value
        return scopes(value == ADMIN_SCOPE, ids)


class APIKey(Record):
    """A key for requests that write. The original has nullable flags; null means false.

    The original has no `id`: it identifies a row by `encrypted_key`.
    """

    __tablename__ = "apikey"
    __table_args__ = (UniqueConstraint("encrypted_key"), {"sqlite_autoincrement": True})

    noun = "API key"
    filters: ClassVar[dict[str, Filter]] = {"since": since("created_at"), "until": until("created_at")}

    encrypted_key: Mapped[str]
    created_at: Mapped[datetime | None] = mapped_column(UTCDateTime, default=now)
    is_active: Mapped[bool | None] = mapped_column(default=True)
    is_admin: Mapped[bool | None] = mapped_column(default=False)
    label: Mapped[str | None]
    id: Mapped[int] = mapped_column(primary_key=True)
    created_by: Mapped[str | None]
    expires_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    last_used_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    # The ids of the bakeries that the key may write runs of: "12 15". Null: all bakeries.
    bakery_ids: Mapped[str | None]
    # The key that replaced this one.
    replaced_by: Mapped[int | None] = mapped_column(ForeignKey("apikey.id", ondelete="SET NULL"))

    def __repr__(self) -> str:
        return f"<APIKey {self.id}>"

    @hybrid_property
    def scopes(self) -> list[str]:
        return scopes(bool(self.is_admin), self.bakery_ids)

    @scopes.inplace.setter
    def _set_scopes(self, values: list[str]) -> None:
        self.is_admin = ADMIN_SCOPE in values
        ids = bakery_ids(values)
        self.bakery_ids = " ".join(map(str, ids)) if ids else None

    @scopes.inplace.expression
    @classmethod
    def _select_scopes(cls) -> ColumnElement[list[str]]:
        admin, others = literal(ADMIN_SCOPE), func.coalesce(cls.bakery_ids, WRITE_SCOPE)
        return type_coerce(case((cls.is_admin.is_(True), admin), else_=others), _Scopes)

    @property
    def is_valid(self) -> bool:
        """Whether the service accepts the key: it is active and has not expired."""
        return bool(self.is_active) and (self.expires_at is None or self.expires_at > now())


def scopes(is_admin: bool, ids: str | None) -> list[str]:
    """Return the scopes of a row with these values of `is_admin` and `bakery_ids`. `is_admin` takes precedence."""
    if is_admin:
        return [ADMIN_SCOPE]
    return [WRITE_SCOPE] if ids is None else [BAKERY_SCOPE.format(bakery_id) for bakery_id in ids.split()]


def bakery_ids(values: list[str]) -> list[int]:
    """Return the sorted ids of the bakeries in the scopes `values`; an empty list for `admin` and `write`."""
    return sorted({int(value.partition(":")[2]) for value in values if ":" in value})
