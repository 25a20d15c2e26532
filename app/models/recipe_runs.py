"""Recipe runs: one execution of a recipe of a feedstock in a bakery.

`status` and `conclusion` take the values, and keep to the rules, of GitHub's check runs
(https://docs.github.com/rest/checks/runs).
"""

from datetime import datetime
from typing import Any, ClassVar

from sqlalchemy import ColumnElement, ForeignKey, Index, and_, false, literal, text
from sqlalchemy.orm import Mapped, WriteOnlyMapped, backref, mapped_column, relationship
from werkzeug.exceptions import Conflict

from app.database.columns import LongText, UTCDateTime, now, utc_now
from app.database.filters import Filter, contains, is_given, since, until
from app.database.indexes import list_index, long_text_index, text_index
from app.database.record import Record
from app.errors import Invalid
from app.models import run_counts
from app.models.bakeries import Bakery
from app.models.feedstocks import Feedstock
from app.models.recipe_run_events import RecipeRunEvent, wire

# Each status, and those that a run may go to from there; a new run may start in any.
TRANSITIONS = {
    "queued": ("queued", "in_progress", "completed"),
    "in_progress": ("in_progress", "completed"),
    "completed": ("completed",),
}
STATUSES = tuple(TRANSITIONS)
CONCLUSIONS = ("action_required", "cancelled", "failure", "neutral", "success", "skipped", "stale", "timed_out")
# Of a run that came to nothing by itself; the others but success say nothing about its recipe.
FAILURES = ("failure", "timed_out")
DATASET_TYPES = ("zarr", "kerchunk", "parquet")

# Who acts when the service itself does; it alone may conclude that a run is stale.
SYSTEM = "system"

_WITH_URL = text("dataset_public_url IS NOT NULL")
_PUBLISHED = text("status = 'completed' AND conclusion = 'success' AND dataset_public_url IS NOT NULL")
_LIFECYCLE = ("status", "conclusion", "started_at", "completed_at")
_STATE = ("id", *_LIFECYCLE)
_NOTHING = dict.fromkeys(_STATE)  # what a new run was before


class RecipeRun(Record):
    __tablename__ = "reciperun"
    __table_args__ = (
        *(list_index(name) for name in ("bakery_id", "feedstock_id", "rerun_of", "is_test")),
        *(list_index(name) for name in ("started_at", "completed_at", "created_at", "updated_at")),
        *(text_index(name) for name in ("recipe_id", "head_sha", "version", "status", "conclusion", "dataset_type")),
        *(long_text_index("reciperun", name) for name in ("dataset_public_url", "message")),
        Index("ix_reciperun_dataset", "feedstock_id", "id", postgresql_where=_WITH_URL, sqlite_where=_WITH_URL),
        Index(
            "ix_reciperun_published",
            *("feedstock_id", "recipe_id", "dataset_type", "is_test", "id"),
            postgresql_where=_PUBLISHED,
            sqlite_where=_PUBLISHED,
        ),
        {"sqlite_autoincrement": True},
    )

    noun = "recipe run"
    filters: ClassVar[dict[str, Filter]] = {
        "started_after": since("started_at"),
        "started_before": until("started_at"),
        "completed_after": since("completed_at"),
        "completed_before": until("completed_at"),
        "has_dataset": is_given("dataset_public_url"),
        "q": contains("recipe_id"),
    }

    recipe_id: Mapped[str]
    bakery_id: Mapped[int] = mapped_column(ForeignKey(Bakery.id))
    feedstock_id: Mapped[int] = mapped_column(ForeignKey(Feedstock.id))
    head_sha: Mapped[str]
    version: Mapped[str]
    started_at: Mapped[datetime] = mapped_column(UTCDateTime)
    completed_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    conclusion: Mapped[str | None]
    status: Mapped[str] = mapped_column(server_default="queued")
    is_test: Mapped[bool] = mapped_column(server_default=false())
    dataset_type: Mapped[str | None]
    dataset_public_url: Mapped[str | None] = mapped_column(LongText)
    message: Mapped[str | None] = mapped_column(LongText)
    id: Mapped[int] = mapped_column(primary_key=True)
    # Null in runs that are older than these columns.
    created_at: Mapped[datetime | None] = mapped_column(UTCDateTime, server_default=utc_now())
    updated_at: Mapped[datetime | None] = mapped_column(UTCDateTime, server_default=utc_now())
    rerun_of: Mapped[int | None] = mapped_column(ForeignKey("reciperun.id", ondelete="SET NULL"))

    # The database refuses to delete a parent that has runs; SQLAlchemy must not orphan them first.
    bakery: Mapped[Bakery] = relationship(backref=backref("recipe_runs", order_by=id, passive_deletes="all"))
    feedstock: Mapped[Feedstock] = relationship(backref=backref("recipe_runs", order_by=id, passive_deletes="all"))
    events: WriteOnlyMapped[RecipeRunEvent] = relationship(order_by=RecipeRunEvent.id, passive_deletes=True)

    @classmethod
    def published(cls) -> ColumnElement[bool]:
        """The runs whose dataset can be opened: completed, successful and with a url.

        SQLite knows the index of these only by the very words, so the values are not parameters.
        """
        completed, success = (literal(word, literal_execute=True) for word in ("completed", "success"))
        return and_(cls.status == completed, cls.conclusion == success, cls.dataset_public_url.is_not(None))

    @classmethod
    def kept_count(cls, filters: dict[str, Any]) -> int | None:
        return run_counts.count(filters) if run_counts.cover(filters) else None

    @classmethod
    def start(cls, values: dict[str, Any], actor: str) -> dict[str, Any]:
        """The columns of a new run. Raises 422 for values that do not go together."""
        time = now()
        return {"rerun_of": None, "created_at": time, "updated_at": time} | _settled(values, _NOTHING, actor)

    @classmethod
    def first_event(cls, row: Any, actor: str) -> dict[str, Any]:
        state = {name: getattr(row, name) for name in ("status", "conclusion", "completed_at") if getattr(row, name)}
        return {"recipe_run_id": row.id, "at": row.created_at, "actor": actor, "before": None, "after": wire(state)}

    def change(self, values: dict[str, Any], actor: str, reason: str | None = None) -> None:
        """Set `values` and what follows from them, and note what changed as an event.

        The one way in which a run changes. Raises 409 for a move that the run's status does not allow, 422 for values
        that do not go together. Values that are as they were before are no change.
        """
        if (values.get("rerun_of") or 0) >= self.id:
            raise Invalid.at("body", "rerun_of", "rerun_of: Must be an earlier run.")
        values = _settled(values, {name: getattr(self, name) for name in _STATE}, actor)
        changed = {name: value for name, value in values.items() if getattr(self, name) != value}
        if not changed:
            return
        before = {name: getattr(self, name) for name in changed}
        for name, value in changed.items():
            setattr(self, name, value)
        self.updated_at = now()
        event = RecipeRunEvent(at=self.updated_at, actor=actor, before=wire(before), after=wire(changed), reason=reason)
        self.events.add(event)


def _settled(values: dict[str, Any], was: dict[str, Any], actor: str) -> dict[str, Any]:
    """`values` with the status and the time of completion that follow from them, if the lifecycle allows it.

    `was` has the run's id and its members of the lifecycle.
    """
    if not any(name in values for name in _LIFECYCLE):
        return values
    status = values.get("status") or ("completed" if values.get("conclusion") else was["status"] or "queued")
    will_be = {name: values.get(name, was[name]) for name in _LIFECYCLE} | {"status": status}
    if was["status"] and status not in _next(was["status"]):
        raise Conflict(_refusal(status, was))
    if status == "completed" != was["status"] and will_be["completed_at"] is None:
        will_be["completed_at"] = max(now(), will_be["started_at"])
    if problem := _contradiction(values, was, will_be, actor):
        raise Invalid.at("body", problem[0], f"{problem[0]}: {problem[1]}")
    return values | {name: will_be[name] for name in ("status", "completed_at") if will_be[name] != was[name]}


def _next(status: str) -> tuple[str, ...]:
    """The statuses that a run may go to; any, should another program have given it one that is none."""
    return TRANSITIONS.get(status, STATUSES)


def _refusal(status: str, was: dict[str, Any]) -> str:
    allowed = " or ".join(_next(was["status"]))
    hint = f" A new attempt is a new run whose rerun_of is {was['id']}." if was["status"] == "completed" else ""
    return f"recipe run {was['id']} is {was['status']} and cannot become {status}, only {allowed}.{hint}"


def _contradiction(
    values: dict[str, Any], was: dict[str, Any], will_be: dict[str, Any], actor: str
) -> tuple[str, str] | None:
    """The member that breaks a rule in the state the run would be in, and the rule."""
    if will_be["status"] != "completed":
        for name in ("conclusion", "completed_at"):
            if will_be[name] is not None:
                return name, f"Only a completed run has one, and this one would be {will_be['status']}."
    elif will_be["conclusion"] is None and (was["status"] != "completed" or was["conclusion"]):
        return "conclusion", "Required when a run completes."
    elif will_be["completed_at"] is None and was["completed_at"]:
        return "completed_at", "A completed run keeps its time of completion."
    if will_be["conclusion"] == "stale" != was["conclusion"] and actor != SYSTEM:
        return "conclusion", "Only the service itself concludes that a run is stale."
    moved = "started_at" in values or "completed_at" in values
    if moved and will_be["completed_at"] and will_be["completed_at"] < will_be["started_at"]:
        return "completed_at", "Must not be before started_at."
    return None
