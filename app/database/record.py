"""The base class of the models whose rows the API addresses by id."""

from typing import Any, ClassVar

from sqlalchemy import ColumnElement
from sqlalchemy.orm import Mapped

from app.extensions import db


class Record(db.Model):
    """A row with an id. `noun` names it in error messages.

    The columns of `natural_key` are unique together: a record that exists is not created again. Those of `optional_key`
    are unique together if none of them is null.
    """

    __abstract__ = True

    noun: ClassVar[str]
    natural_key: ClassVar[tuple[str, ...]] = ()
    optional_key: ClassVar[tuple[str, ...]] = ()

    id: Mapped[int]

    @classmethod
    def has_key(cls, values: dict[str, Any]) -> list[ColumnElement[bool]]:
        """The conditions for the record that has the natural key in `values`."""
        return [getattr(cls, name) == values[name] for name in cls.natural_key]

    @classmethod
    def new_columns(cls, values: dict[str, Any], actor: str) -> dict[str, Any]:
        """The columns of the record that `actor` creates from `values`. Raises 422 if they contradict each other."""
        return values

    @classmethod
    def first_event(cls, row: Any, given: dict[str, Any], actor: str) -> dict[str, Any] | None:
        """The columns of the first event of a new record, stored as `row` instead of the `given` values.

        None if the model has no history.
        """
        return None

    def change(self, values: dict[str, Any], actor: str, reason: str | None = None) -> None:
        """Set columns to `values`. `actor` and `reason` go to the history, if the model has one."""
        for name, value in values.items():
            setattr(self, name, value)
