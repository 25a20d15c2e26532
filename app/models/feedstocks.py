"""Feedstocks: the repositories that contain recipes."""

import re
from datetime import datetime
from typing import Any, ClassVar

from sqlalchemy import ColumnElement, ForeignKey, Index, Select, UniqueConstraint, bindparam, or_, select
from sqlalchemy.orm import Mapped, mapped_column

from app.database.columns import UTCDateTime
from app.database.filters import MANY, Columns, Filter, is_unset_unless
from app.database.names import folded, lower
from app.database.record import Record
from app.database.statements import fetch
from app.extensions import db

PROVIDERS = ("github",)

# The forms of a repository that people copy from GitHub: owner/name, its URLs and its address for SSH. The groups are
# the owner and the name. The syntax is common to Python and to JSON Schema.
REPOSITORY = (
    r"^(?:(?:(?:https?|git|ssh)://(?:git@)?)?(?:www\.)?[Gg]it[Hh]ub\.com/|git@[Gg]it[Hh]ub\.com:)?"
    r"([A-Za-z0-9][A-Za-z0-9_-]{0,38})/"
    r"(?!\.{0,2}(?:\.[Gg][Ii][Tt])*/?$)([A-Za-z0-9._-]{1,100}?)(?:\.[Gg][Ii][Tt])*/?$"
)
# Other names, which the original accepted: one or two words that are no part of a URL, a path or an address.
OTHER = (
    r"^(?!.*\.[Gg][Ii][Tt]$)(?!\.{1,2}$)[^\s/:@\\?#\u0000]+"
    r"(?:/(?!\.{1,2}$)[^\s/:@\\?#\u0000]+)?$"
)


def repository(text: str) -> str | None:
    """The repository that `text` names, as owner/name; None if `text` is not one of the forms of REPOSITORY."""
    found = re.fullmatch(REPOSITORY, text)
    return f"{found[1]}/{found[2]}" if found else None


def is_name(text: str) -> bool:
    """Whether a feedstock may have the name `text`, after it was brought into the form of `repository`."""
    return bool(re.fullmatch(REPOSITORY, text) or re.fullmatch(OTHER, text))


def names_repository(column: str) -> Filter:
    """Match rows whose `column` has the current name of a given repository. Case is ignored, aliases are resolved."""

    def condition(columns: Columns, name: str, form: int) -> ColumnElement[bool]:
        spec = folded(columns[column])
        return spec.in_(bindparam(name, expanding=True)) if form == MANY else spec == bindparam(name)

    return Filter(condition, lambda _columns, given: _with_current_names([lower(spec) for spec in given]))


class Feedstock(Record):
    __tablename__ = "feedstock"
    __table_args__ = (UniqueConstraint("provider", "spec"), {"sqlite_autoincrement": True})

    noun = "feedstock"
    natural_key = ("provider", "spec")
    filters: ClassVar[dict[str, Filter]] = {
        "spec": names_repository("spec"),
        "include_retired": is_unset_unless("retired_at"),
    }

    spec: Mapped[str]
    provider: Mapped[str] = mapped_column(server_default="github")
    id: Mapped[int] = mapped_column(primary_key=True)
    retired_at: Mapped[datetime | None] = mapped_column(UTCDateTime)

    @classmethod
    def has_key(cls, values: dict[str, Any]) -> list[ColumnElement[bool]]:
        alias = FeedstockAlias.names(values["provider"], values["spec"])
        same = folded(cls.spec) == lower(values["spec"])
        return [
            cls.provider == values["provider"],
            or_(same, cls.id.in_(select(FeedstockAlias.feedstock_id).where(*alias))),
        ]


class FeedstockAlias(db.Model):
    """A name that a feedstock had before it was renamed or merged. It leads to the feedstock as its `spec` does."""

    __tablename__ = "feedstock_alias"
    __table_args__ = ({"sqlite_autoincrement": True},)

    id: Mapped[int] = mapped_column(primary_key=True)
    feedstock_id: Mapped[int] = mapped_column(ForeignKey(Feedstock.id, ondelete="CASCADE"), index=True)
    spec: Mapped[str]
    provider: Mapped[str]

    @classmethod
    def names(cls, provider: str, spec: str) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
        """The conditions for the alias with that name."""
        return cls.provider == provider, folded(cls.spec) == lower(spec)


Index("ix_feedstock_repository", Feedstock.provider, folded(Feedstock.spec), unique=True)
Index("ix_feedstock_alias_repository", FeedstockAlias.provider, folded(FeedstockAlias.spec), unique=True)

_CURRENT: Select[Any] = (
    select(Feedstock.spec)
    .join(FeedstockAlias, FeedstockAlias.feedstock_id == Feedstock.id)
    .where(folded(FeedstockAlias.spec).in_(bindparam("specs", expanding=True)))
)


def _with_current_names(specs: list[str]) -> list[str]:
    """`specs`, and the current names of the feedstocks that had one of them before, all in lower case."""
    return [*specs, *(lower(spec) for (spec,) in fetch(_CURRENT, {"specs": specs}))]
