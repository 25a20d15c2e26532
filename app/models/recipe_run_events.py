"""The history of recipe runs: what changed, when, by whom and why."""

from datetime import datetime
from typing import Any, ClassVar

from sqlalchemy import JSON, ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from app.database.columns import BIG_ID, UTCDateTime, wire_time
from app.database.filters import Filter, since, until
from app.extensions import db


class RecipeRunEvent(db.Model):
    """One change of one run, inserted in the transaction of the change.

    `before` and `after` have the old and the new values of the changed fields, as in the JSON of the API. `before` is
    null for the creation of the run.
    """

    __tablename__ = "reciperun_event"
    __table_args__ = (Index(None, "recipe_run_id", "id"), {"sqlite_autoincrement": True})

    filters: ClassVar[dict[str, Filter]] = {"since": since("at"), "until": until("at")}

    id: Mapped[int] = mapped_column(BIG_ID, primary_key=True)
    recipe_run_id: Mapped[int] = mapped_column(ForeignKey("reciperun.id", ondelete="CASCADE"))
    at: Mapped[datetime] = mapped_column(UTCDateTime)
    actor: Mapped[str]
    before: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    after: Mapped[dict[str, Any]] = mapped_column(JSON)
    reason: Mapped[str | None]


def wire_values(values: dict[str, Any]) -> dict[str, Any]:
    """Return `values` with times as strings, as in the JSON of the API."""
    return {name: wire_time(value) if isinstance(value, datetime) else value for name, value in values.items()}
