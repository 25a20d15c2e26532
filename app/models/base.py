"""What bakeries, feedstocks and recipe runs have in common."""

from typing import ClassVar

from sqlalchemy.orm import Mapped

from app.extensions import db


class Record(db.Model):
    """A row with a number. `label` names it in sentences; `natural_key` are the columns that no two rows share."""

    __abstract__ = True

    label: ClassVar[str]
    natural_key: ClassVar[tuple[str, ...]] = ()

    id: Mapped[int]
