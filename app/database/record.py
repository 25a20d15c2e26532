"""What bakeries, feedstocks and recipe runs have in common."""

from typing import Any, ClassVar

from sqlalchemy.orm import Mapped

from app.extensions import db


class Record(db.Model):
    """A row with a number. `noun` names it in sentences; `natural_key` are the columns that no two rows share."""

    __abstract__ = True

    noun: ClassVar[str]
    natural_key: ClassVar[tuple[str, ...]] = ()

    id: Mapped[int]

    @classmethod
    def start(cls, values: dict[str, Any], actor: str) -> dict[str, Any]:
        """The columns of a new record with `values`, made by `actor`."""
        return values

    @classmethod
    def first_event(cls, row: Any, actor: str) -> dict[str, Any] | None:
        """The columns of the event that begins the history of a new record, if it has one."""
        return None

    def change(self, values: dict[str, Any], actor: str, reason: str | None = None) -> None:
        """Set `values`, on behalf of `actor`."""
        for name, value in values.items():
            setattr(self, name, value)
