"""Feedstocks: their names, the finished runs of one or of all, and the results of these."""

from typing import Any

from sqlalchemy import Row, Select, false, func, select
from sqlalchemy import delete as sql_delete
from sqlalchemy.orm import joinedload
from werkzeug.exceptions import Conflict

from app.database.columns import now
from app.database.indexes import unindexed
from app.database.names import lower
from app.extensions import db
from app.models import Feedstock, FeedstockAlias, RecipeRun
from app.models.datasets import DATASETS
from app.services import records

_NOT_STALE = RecipeRun.conclusion.is_distinct_from("stale")  # a run without a conclusion is not stale either


def create(values: dict[str, Any], actor: str) -> tuple[Any, bool]:
    """Create a feedstock as `records.create` does. An alias leads to its feedstock."""
    with db.session.begin_nested() as savepoint:
        feedstock, new = records.create(Feedstock, values, actor)
        # The insert may have waited for a rename to end, which made the name an alias.
        if new and (renamed := _with_alias(values["provider"], values["spec"])):
            savepoint.rollback()
            return renamed, False
    return feedstock, new


def update(feedstock: Feedstock, values: dict[str, Any], actor: str) -> bool:
    """Update a feedstock as `records.update` does. After a rename, the old name becomes an alias.

    Raises 409 if the new name is that of another feedstock, or its alias.
    """
    old = feedstock.spec
    changed = records.update(feedstock, values, actor)
    if lower(feedstock.spec) != lower(old):
        owner = _with_alias(feedstock.provider, feedstock.spec)
        if owner and owner is not feedstock:
            raise Conflict(f"feedstock {owner.id} already has the former name {feedstock.spec!r}.")
        for name in (old, feedstock.spec):  # the old one, too, because another program may have given it to two
            db.session.execute(sql_delete(FeedstockAlias).where(*FeedstockAlias.names(feedstock.provider, name)))
        db.session.add(FeedstockAlias(feedstock_id=feedstock.id, provider=feedstock.provider, spec=old))
        db.session.flush()
    return changed


def delete(feedstock: Feedstock) -> None:
    """Delete a feedstock as `records.delete` does. Raises 409 if it has datasets, because they keep their ids."""
    datasets = db.session.scalar(select(func.count()).where(DATASETS.c.feedstock_id == feedstock.id))
    runs = db.session.scalar(select(RecipeRun.id).where(RecipeRun.feedstock_id == feedstock.id).limit(1))
    if datasets and not runs:
        count = "1 dataset" if datasets == 1 else f"{datasets} datasets"
        raise Conflict(
            f"feedstock {feedstock.id} has {count}. A dataset keeps its id, so its feedstock cannot be deleted. Set "
            "retired_at instead."
        )
    records.delete(feedstock)


def _with_alias(provider: str, spec: str) -> Feedstock | None:
    """The feedstock that had the name before."""
    owners = select(Feedstock).join(FeedstockAlias, FeedstockAlias.feedstock_id == Feedstock.id)
    return db.session.scalar(owners.where(*FeedstockAlias.names(provider, spec)))


def finished(feedstock: Feedstock, limit: int) -> list[RecipeRun]:
    """Return the `limit` runs that ended last, newest first, with their bakeries and feedstocks; none of the future.

    Stale runs are omitted, because they never began. A completed run without an end time counts as ended when it
    started. Each kind is read in the order of an index.
    """
    completed = select(RecipeRun).where(
        RecipeRun.feedstock_id == feedstock.id, RecipeRun.has_status("completed"), _NOT_STALE
    )
    end, start = RecipeRun.completed_at, RecipeRun.started_at
    ended = completed.where(end <= now()).order_by(end.desc(), RecipeRun.id.desc())
    # `end` is constant here. With it, this is the order of the index, and PostgreSQL uses no other.
    unknown = completed.where(end.is_(None), start <= now()).order_by(end, start.desc(), RecipeRun.id.desc())
    found = [*_with_parents(ended.limit(limit)), *_with_parents(unknown.limit(limit))]
    return sorted(found, key=lambda run: (run.completed_at or run.started_at, run.id), reverse=True)[:limit]


def newest(limit: int) -> list[RecipeRun]:
    """Return the `limit` runs of all feedstocks that ended last, newest first, with their bakeries and feedstocks.

    Stale runs are omitted, and those without an end time: the index by end time makes this fast for any number of runs.
    """
    ended = select(RecipeRun).where(
        RecipeRun.completed_at <= now(), unindexed(RecipeRun.status) == "completed", _NOT_STALE
    )
    return _with_parents(ended.order_by(RecipeRun.completed_at.desc(), RecipeRun.id.desc()).limit(limit))


def _with_parents(runs: Select[tuple[RecipeRun]]) -> list[RecipeRun]:
    return list(db.session.scalars(runs.options(joinedload(RecipeRun.bakery), joinedload(RecipeRun.feedstock))))


def last_decided(feedstock: Feedstock) -> Row[Any] | None:
    """The newest production run that succeeded, failed or timed out: `id recipe_id conclusion started_at`.

    Other conclusions, such as `cancelled`, do not say anything about the recipe. None if there is none.
    """
    of_run: list[Any] = [RecipeRun.id, RecipeRun.recipe_id, RecipeRun.conclusion, RecipeRun.started_at]
    decided = select(*of_run).where(
        RecipeRun.feedstock_id == feedstock.id, RecipeRun.is_test == false(), RecipeRun.decided()
    )
    return db.session.execute(decided.order_by(RecipeRun.id.desc()).limit(1)).one_or_none()


def passing(feedstock: Feedstock) -> bool | None:
    """Whether the run of `last_decided` is a success; None if there is none."""
    run = last_decided(feedstock)
    return run and run.conclusion == "success"
