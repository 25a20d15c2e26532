"""Recipe runs: one execution of a recipe of a feedstock in a bakery.

`status` and `conclusion` have the values and follow the rules of GitHub's check runs
(https://docs.github.com/rest/checks/runs).
"""

from datetime import datetime
from functools import partial
from typing import Any, ClassVar

from flask import current_app
from sqlalchemy import JSON, ColumnElement, ForeignKey, Index, and_, false, literal, text
from sqlalchemy.ext.hybrid import hybrid_property
from sqlalchemy.orm import Mapped, WriteOnlyMapped, backref, mapped_column, relationship
from werkzeug.exceptions import Conflict

from app.database.columns import LongText, UTCDateTime, now, utc_now
from app.database.filters import Filter, contains_in_either, is_set, since, until
from app.database.id_blocks import block_index
from app.database.indexes import by_code_point, list_index, long_text_index, text_index
from app.database.record import Record
from app.errors import Invalid
from app.models import failures, run_counts, run_logs, run_times
from app.models.bakeries import Bakery
from app.models.feedstocks import Feedstock
from app.models.recipe_run_events import RecipeRunEvent, wire_values

# The allowed next statuses of each status. A new run may have any status.
TRANSITIONS = {
    "queued": ("queued", "in_progress", "completed"),
    "in_progress": ("in_progress", "completed"),
    "completed": ("completed",),
}
STATUSES = tuple(TRANSITIONS)
CONCLUSIONS = ("action_required", "cancelled", "failure", "neutral", "success", "skipped", "stale", "timed_out")
# Conclusions that mean that the recipe failed. The others, except success, do not say anything about the recipe.
FAILURES = ("failure", "timed_out")

# The actor of changes by the service itself and by commands. Only this actor may set the conclusion `stale`.
SYSTEM = "system"

_WITH_URL = "dataset_public_url IS NOT NULL"
_EXTERNAL_ID, _WITH_EXTERNAL_ID = ("external_id", "bakery_id"), "external_id IS NOT NULL"
_PUBLISHED = "status = 'completed' AND conclusion = 'success' AND dataset_public_url IS NOT NULL"
_COMPLETED, _QUEUED = "status = 'completed'", "status = 'queued'"
_DECIDED = "conclusion IN ('success', 'failure', 'timed_out')"
_EXPLAINED = "failure_class IS NOT NULL"
UNEXPLAINED = "conclusion IN ('failure', 'timed_out', 'stale') AND failure_class IS NULL"
# The fields from which a failure is explained, besides the log.
_EXPLAINED_BY = {"conclusion", "message", "is_test"}
_LIFECYCLE = ("status", "conclusion", "started_at", "completed_at")
_STATE = ("id", *_LIFECYCLE)
_NO_STATE = dict.fromkeys(_STATE)  # the old state of a new run
_OPTIONAL = ("rerun_of", "snapshot_id", "external_id", "external_url")  # of a new run; an insert of many needs all


def _index(name: str, where: str, *columns: str, **options: Any) -> Index:
    """An index of the runs for which `where` is true."""
    return Index(f"ix_reciperun_{name}", *columns, postgresql_where=text(where), sqlite_where=text(where), **options)


class RecipeRun(Record):
    __tablename__ = "reciperun"
    __table_args__ = (
        *(list_index(name) for name in ("bakery_id", "feedstock_id", "rerun_of", "is_test")),
        *(list_index(name) for name in ("started_at", "completed_at", "created_at", "updated_at")),
        *(text_index(name) for name in ("recipe_id", "head_sha", "version", "status", "conclusion", "dataset_type")),
        text_index("snapshot_id"),
        *(long_text_index("reciperun", name) for name in ("dataset_public_url", "message")),
        Index(None, "feedstock_id", "recipe_id", "id", postgresql_ops=by_code_point("recipe_id")),
        *(block_index("reciperun", name) for name in ("started_at", "completed_at")),
        _index("dataset", _WITH_URL, "feedstock_id", "id"),
        _index("published", _PUBLISHED, "feedstock_id", "recipe_id", "dataset_type", "is_test", "id"),
        # The latest runs of a bakery or a feedstock, its feed, its badge, and the oldest run of a queue.
        *(Index(None, name, "started_at", "id") for name in ("bakery_id", "feedstock_id")),
        _index("ended", _COMPLETED, "feedstock_id", "completed_at", "started_at"),
        _index("ended_of_bakery", _COMPLETED, "bakery_id", "completed_at"),
        _index("decided", _DECIDED, "feedstock_id", "is_test", "id"),
        _index("queued", _QUEUED, "status", "created_at", "started_at", "is_test"),
        _index("queued_of_bakery", _QUEUED, "bakery_id", "created_at", "started_at", "is_test"),
        _index("queued_of_feedstock", _QUEUED, "feedstock_id", "created_at", "started_at", "is_test"),
        _index(
            "external_id", _WITH_EXTERNAL_ID, *_EXTERNAL_ID, unique=True, postgresql_ops=by_code_point("external_id")
        ),
        _index("failure_class_id", _EXPLAINED, "failure_class", "id", postgresql_ops=by_code_point("failure_class")),
        _index("failed", _EXPLAINED, "started_at", "failure_class", "feedstock_id", "bakery_id", "is_test"),
        _index("unexplained", UNEXPLAINED, "id"),
        {"sqlite_autoincrement": True},
    )

    noun = "recipe run"
    optional_key = _EXTERNAL_ID
    computed = ("time_problem",)
    filters: ClassVar[dict[str, Filter]] = {
        "since": since("started_at", has_blocks=True),
        "until": until("started_at", has_blocks=True),
        "started_after": since("started_at", has_blocks=True),
        "started_before": until("started_at", has_blocks=True),
        "completed_after": since("completed_at", has_blocks=True),
        "completed_before": until("completed_at", has_blocks=True),
        "has_dataset": is_set("dataset_public_url"),
        "has_conclusion": is_set("conclusion"),
        "q": contains_in_either("q", "recipe_id", "message"),
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
    # Null for runs that are older than these columns.
    created_at: Mapped[datetime | None] = mapped_column(UTCDateTime, server_default=utc_now())
    updated_at: Mapped[datetime | None] = mapped_column(UTCDateTime, server_default=utc_now())
    rerun_of: Mapped[int | None] = mapped_column(ForeignKey("reciperun.id", ondelete="SET NULL"))
    snapshot_id: Mapped[str | None]
    # The id of the run in the system that runs it, for example of a job of GitHub Actions, and the page about it there.
    external_id: Mapped[str | None]
    external_url: Mapped[str | None] = mapped_column(LongText)
    # Why the run failed (`app.models.failures`), as the API shows it, and its class. Null if it has not failed.
    failure_class: Mapped[str | None]
    failure: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))

    # The database refuses to delete a bakery or feedstock with runs. Without `passive_deletes` SQLAlchemy would set the
    # foreign keys of the runs to null before the deletion.
    bakery: Mapped[Bakery] = relationship(backref=backref("recipe_runs", order_by=id, passive_deletes="all"))
    feedstock: Mapped[Feedstock] = relationship(backref=backref("recipe_runs", order_by=id, passive_deletes="all"))
    events: WriteOnlyMapped[RecipeRunEvent] = relationship(order_by=RecipeRunEvent.id, passive_deletes=True)

    @hybrid_property
    def time_problem(self) -> str | None:
        return run_times.problem(self.started_at, self.completed_at)

    @time_problem.inplace.expression
    @classmethod
    def _select_time_problem(cls) -> ColumnElement[str | None]:
        return run_times.select_problem(cls.started_at, cls.completed_at)

    @classmethod
    def published(cls) -> ColumnElement[bool]:
        """Select the runs that have published a dataset: completed, successful and with a url."""
        return and_(
            cls.has_status("completed"), cls.conclusion == _word("success"), cls.dataset_public_url.is_not(None)
        )

    @classmethod
    def has_status(cls, status: str) -> ColumnElement[bool]:
        """Select the runs with that status. For `completed` and `queued` there are partial indexes."""
        return cls.status == _word(status)

    @classmethod
    def decided(cls) -> ColumnElement[bool]:
        """Select the runs whose conclusion says something about the recipe."""
        return cls.conclusion.in_([_word(word) for word in ("success", *FAILURES)])

    @classmethod
    def kept_count(cls, filters: dict[str, Any]) -> int | None:
        return run_counts.kept(cls, filters)

    @classmethod
    def new_columns(cls, values: dict[str, Any], actor: str) -> dict[str, Any]:
        """Return the columns of a new run. Raises 422 if `values` contradict each other."""
        time = now()
        new: dict[str, Any] = dict.fromkeys(_OPTIONAL) | {"created_at": time, "updated_at": time}
        new |= _with_derived_state(values, _NO_STATE, actor)
        failure = failures.explain(new.get("conclusion"), new.get("message"), str)
        return new | {"failure": failure, "failure_class": failure and failure["class"]}

    @classmethod
    def first_event(cls, row: Any, given: dict[str, Any], actor: str) -> dict[str, Any]:
        state = {name: getattr(row, name) for name in ("status", "conclusion", "completed_at") if getattr(row, name)}
        return {
            "recipe_run_id": row.id,
            "at": row.created_at,
            "actor": actor,
            "before": None,
            "after": wire_values(state),
            "reason": run_times.correction(given, {name: getattr(row, name) for name in run_times.NAMES}),
        }

    def change(self, values: dict[str, Any], actor: str, reason: str | None = None) -> None:
        """Set `values` and the fields that follow from them, and add an event to the history.

        Every change of a run goes through this method. Raises 409 if the transition of the status is not allowed, 422
        if the values contradict each other. Without a difference to the current values it does nothing.
        """
        if (values.get("rerun_of") or 0) >= self.id:
            raise Invalid.at("body", "rerun_of", "rerun_of: Must be an earlier run.")
        given = values
        values = _with_derived_state(given, {name: getattr(self, name) for name in _STATE}, actor)
        changed = {name: value for name, value in values.items() if getattr(self, name) != value}
        if not changed:
            return
        before = {name: getattr(self, name) for name in changed}
        for name, value in changed.items():
            setattr(self, name, value)
        if changed.keys() & _EXPLAINED_BY:
            self.explain()
        self.updated_at = now()
        old, new = wire_values(before), wire_values(changed)
        reasons = [sentence for sentence in (reason, run_times.correction(given, values)) if sentence]
        event = RecipeRunEvent(at=self.updated_at, actor=actor, before=old, after=new, reason=" ".join(reasons) or None)
        self.events.add(event)

    def explain(self, *, has_log: bool = True) -> None:
        """Set why the run failed, from its message and its log. An append to the log calls this."""
        shown = self.is_test or current_app.config["PUBLIC_LOGS"]
        read_log = partial(run_logs.newest_text, self.id) if has_log else str
        failure = failures.explain(self.conclusion, self.message, read_log, show_log=shown)
        if failure != self.failure:
            self.failure, self.failure_class = failure, failure["class"] if failure else None


def _word(text: str) -> ColumnElement[str]:
    """A literal: SQLite uses a partial index only if the condition has the same literals."""
    return literal(text, literal_execute=True)


def _with_derived_state(values: dict[str, Any], old: dict[str, Any], actor: str) -> dict[str, Any]:
    """Return `values` with the status and the time of completion that follow from them.

    `old` has the current values of _STATE. Raises 409 and 422 as `RecipeRun.change` does.
    """
    if not any(name in values for name in _LIFECYCLE):
        return values
    values = run_times.corrected(values, old)
    status = values.get("status") or ("completed" if values.get("conclusion") else old["status"] or "queued")
    new = {name: values.get(name, old[name]) for name in _LIFECYCLE} | {"status": status}
    if old["status"] and status not in _next_statuses(old["status"]):
        raise Conflict(_transition_error(status, old))
    if status == "completed" != old["status"] and new["completed_at"] is None:
        new["completed_at"] = run_times.ended_now(new["started_at"])
    if error := _broken_rule(values, old, new, actor):
        raise Invalid.at("body", error[0], f"{error[0]}: {error[1]}")
    return values | {name: new[name] for name in ("status", "completed_at") if new[name] != old[name]}


def _next_statuses(status: str) -> tuple[str, ...]:
    """Return the allowed next statuses; all of them if another program stored an unknown `status`."""
    return TRANSITIONS.get(status, STATUSES)


def _transition_error(status: str, old: dict[str, Any]) -> str:
    allowed = " or ".join(_next_statuses(old["status"]))
    hint = f" A new attempt is a new run whose rerun_of is {old['id']}." if old["status"] == "completed" else ""
    return f"recipe run {old['id']} is {old['status']} and cannot become {status}, only {allowed}.{hint}"


def _broken_rule(
    values: dict[str, Any], old: dict[str, Any], new: dict[str, Any], actor: str
) -> tuple[str, str] | None:
    """Return the first field whose `new` value breaks a rule, and the rule."""
    if new["status"] != "completed":
        for name in ("conclusion", "completed_at"):
            if new[name] is not None:
                return name, f"Only a completed run can have this field, and the run would be {new['status']}."
    elif new["conclusion"] is None and (old["status"] != "completed" or old["conclusion"]):
        return "conclusion", "Required when a run completes."
    elif new["completed_at"] is None and old["completed_at"]:
        return "completed_at", "The end time of a completed run cannot be removed."
    if new["conclusion"] == "stale" != old["conclusion"] and actor != SYSTEM:
        return "conclusion", "Only the service itself can set the conclusion stale."
    moved = "started_at" in values or "completed_at" in values
    if moved and new["completed_at"] and new["completed_at"] < new["started_at"]:
        return "completed_at", "Must not be before started_at."
    return None
