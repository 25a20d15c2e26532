"""Compares the datasets with the runs that built them, and corrects them after writes without triggers."""

from typing import Any

from sqlalchemy import Row, func, insert, select, update
from sqlalchemy.orm import aliased

from app.database.columns import now
from app.database.statements import Rows, fetch
from app.extensions import db
from app.models import RecipeRun
from app.models.datasets import DATASETS, KEY
from app.services.archive import sequences

# What follows from the builds, and the column of the newest build.
NEWEST = {"run_id": "id", "url": "dataset_public_url", "bakery_id": "bakery_id", "snapshot_id": "snapshot_id"}


def repair() -> int:
    """Correct the datasets, and return how many were wrong. The caller locks out other writers of runs, and commits."""
    columns = (DATASETS.c[name] for name in ("id", *KEY, *NEWEST, "first_build", "last_build", "build_count"))
    stored = {_key(row): row for row in db.session.execute(select(*columns).where(DATASETS.c.merged_into.is_(None)))}
    wrong = 0
    for build in _builds():
        dataset, true = stored.pop(_key(build), None), _true(build)
        if dataset is None:
            _create(build, true)
        elif any(getattr(dataset, name) != value for name, value in true.items()):
            _update(dataset.id, true | {"withdrawn_at": None})
        else:
            continue
        wrong += 1
    for dataset in stored.values():
        if dataset.build_count or dataset.run_id:  # it has no build; links never had one
            _update(dataset.id, {"run_id": None, "build_count": 0, "withdrawn_at": now()})
            wrong += 1
    return wrong


def _key(row: Row[Any]) -> tuple[Any, ...]:
    return tuple(getattr(row, name) for name in KEY)


def _builds() -> Rows:
    """Return the key of each dataset that has builds, their number, and the first and the newest of them."""
    key = [getattr(RecipeRun, name) for name in KEY]
    ends = (func.min(RecipeRun.id).label("first_id"), func.max(RecipeRun.id).label("last_id"))
    groups = select(*ends, func.count().label("builds")).where(RecipeRun.published()).group_by(*key).subquery()
    first, last = aliased(RecipeRun), aliased(RecipeRun)
    statement = (
        select(
            *(getattr(last, name) for name in KEY),
            *(getattr(last, column).label(name) for name, column in NEWEST.items()),
            first.id.label("first_id"),
            first.started_at.label("first_build"),
            last.started_at.label("last_build"),
            groups.c.builds.label("build_count"),
        )
        .join_from(groups, first, first.id == groups.c.first_id)
        .join(last, last.id == groups.c.last_id)
    )
    return fetch(statement)


def _true(build: Row[Any]) -> dict[str, Any]:
    return {name: getattr(build, name) for name in (*NEWEST, "first_build", "last_build", "build_count")}


def _create(build: Row[Any], values: dict[str, Any]) -> None:
    number = build.first_id
    if db.session.scalar(select(DATASETS.c.id).where(DATASETS.c.id == number)):
        number = sequences.next_id(db.session.connection(), RecipeRun.__table__)
    key = dict(zip(KEY, _key(build), strict=True))
    db.session.execute(insert(DATASETS).values(values | key | {"id": number}))


def _update(dataset_id: int, values: dict[str, Any]) -> None:
    db.session.execute(update(DATASETS).where(DATASETS.c.id == dataset_id).values(values))
