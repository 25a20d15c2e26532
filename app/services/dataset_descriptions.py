"""Store and find descriptions of datasets, checks and pictures."""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, Select, case, delete, func, insert, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite

from app.database import rows
from app.database.columns import now
from app.database.record import Record
from app.database.statements import Rows
from app.extensions import db
from app.models import DatasetCheck, DatasetDescription, DatasetHealth, DatasetThumbnail
from app.models.dataset_descriptions import INSPECTION, KEPT_CHECKS
from app.models.datasets import DATASETS
from app.services import datasets
from app.services.health import Found, examine, is_healthy, reason
from app.services.pace import History

INSERT = {"postgresql": postgresql.insert, "sqlite": sqlite.insert}


def one(model: type[Record], names: tuple[str, ...], number: int, connection: Connection | None = None) -> Row[Any]:
    """Return the description of the dataset that `datasets.resolve` finds. Raises 404. Part of a `Source`."""
    return rows.one(model, names, datasets.resolve(number, connection), connection)


def related(*_: Any) -> Iterator[Rows]:
    """Yield nothing: a description lists no other records. Part of a `Source`."""
    return iter(())


def find(dataset_id: int) -> DatasetDescription | None:
    return db.session.get(DatasetDescription, dataset_id)


def describe(dataset_id: int, run_id: int | None, url: str, values: dict[str, Any], source: str) -> DatasetDescription:
    """Store the description of a dataset whose row is locked, instead of an earlier one."""
    description = find(dataset_id) or DatasetDescription(id=dataset_id)
    for name, value in {**values, "run_id": run_id, "url": url, "source": source, "described_at": now()}.items():
        setattr(description, name, value)
    db.session.add(description)
    db.session.flush()
    return description


def thumbnail(number: int) -> Row[bytes, str] | None:
    """Return the picture of the dataset that `datasets.resolve` finds, with its etag; None if it has none."""
    of_dataset = DatasetThumbnail.dataset_id == datasets.resolve(number)
    return db.session.execute(select(DatasetThumbnail.png, DatasetThumbnail.etag).where(of_dataset)).first()


@dataclass(frozen=True)
class Task:
    """A dataset to inspect."""

    id: int
    url: str
    dataset_type: str | None
    run_id: int | None
    snapshot_id: str | None = None


def count_due(ids: list[int] | None, before: datetime) -> int:
    return db.session.scalar(select(func.count()).select_from(_due(ids, before).subquery())) or 0


def withdrawn(ids: list[int]) -> list[int]:
    """Return those of `ids` that are withdrawn: they are not inspected."""
    found = select(DATASETS.c.id).where(DATASETS.c.id.in_(ids), DATASETS.c.withdrawn_at.is_not(None))
    return list(db.session.scalars(found.order_by(DATASETS.c.id)))


def claim(ids: list[int] | None, before: datetime, until: datetime) -> Task | None:
    """Claim a dataset that was not checked since `before`, in the caller's transaction: those that wait longest first.
    One whose url has changed since waits too.

    The claim lasts until the result is stored, at most until `until`. None if there is no such dataset.
    """
    while row := db.session.execute(_due(ids, before).limit(1)).first():
        insertion: Any = INSERT[db.engine.dialect.name](DatasetHealth.__table__)
        claimed = insertion.values(dataset_id=row.id, claimed_until=until).on_conflict_do_update(
            index_elements=["dataset_id"],
            set_={"claimed_until": until},
            where=_free(before, row.url),
        )
        if db.session.execute(claimed.returning(DatasetHealth.dataset_id)).first():
            return Task(*row)
        db.session.rollback()  # another command has claimed it, so read again
    return None


def _due(ids: list[int] | None, before: datetime) -> Select[Any]:
    columns = (DATASETS.c[name] for name in ("id", "url", "dataset_type", "run_id", "snapshot_id"))
    listed = [DATASETS.c.url != "", DATASETS.c.withdrawn_at.is_(None), DATASETS.c.merged_into.is_(None)]
    if ids is not None:
        listed.append(DATASETS.c.id.in_(ids))
    joined = DATASETS.outerjoin(DatasetHealth, DatasetHealth.dataset_id == DATASETS.c.id)
    due = select(*columns).select_from(joined).where(*listed, _free(before, DATASETS.c.url))
    return due.order_by(_checked_at(DATASETS.c.url).asc().nulls_first(), DATASETS.c.id)


def _free(before: datetime, url: Any) -> ColumnElement[bool]:
    """Return the condition for datasets that were not checked at `url` since `before`, and that no inspection has
    claimed.
    """
    unclaimed = or_(DatasetHealth.claimed_until.is_(None), DatasetHealth.claimed_until < now())
    return or_(_checked_at(url).is_(None), _checked_at(url) < before) & unclaimed


def _checked_at(url: Any) -> ColumnElement[datetime | None]:
    """Return when the dataset was last checked at `url`."""
    return case((or_(DatasetHealth.url.is_(None), DatasetHealth.url == url), DatasetHealth.checked_at))


@dataclass(frozen=True)
class Outcome:
    """Whether a dataset is healthy, and if not, the sentence of the first result that says so."""

    healthy: bool | None
    reason: str


def record(task: Task, found: Found, picture: Mapping[str, Any] | None, seconds: float) -> Outcome:
    """Store the result of an inspection. The caller commits.

    `picture` has the `png` and the name of the `variable` that it shows.
    If the dataset was not opened, its earlier description and picture stay, and so does the picture if it was not drawn
    because of a limit.
    """
    of_task = select(DATASETS.c.id).where(DATASETS.c.id == task.id).with_for_update(key_share=True)
    if db.session.scalar(of_task) is None:
        return Outcome(None, "It was deleted meanwhile.")
    at, values = now(), found.description
    results = examine(found, _history(task.id), at)
    healthy = is_healthy(results)
    if values is not None:
        describe(task.id, task.run_id, task.url, dict(values), INSPECTION)
        if found.has_picture is not None:
            _show(task.id, picture)
    check = {"dataset_id": task.id, "at": at, "healthy": healthy, "seconds": seconds}
    check |= {"time_end": values and values["time_end"]}
    check |= {"results": {name: asdict(result) for name, result in results.items()}}
    db.session.execute(insert(DatasetCheck).values(check))
    _delete_old_checks(task.id)
    verdict = {"checked_at": at, "healthy": healthy, "claimed_until": None, "url": task.url}
    db.session.execute(update(DatasetHealth).where(DatasetHealth.dataset_id == task.id).values(verdict))
    return Outcome(healthy, reason(results, healthy))


def _history(dataset_id: int) -> History:
    checks = select(DatasetCheck.at, DatasetCheck.time_end).where(
        DatasetCheck.dataset_id == dataset_id, DatasetCheck.time_end.is_not(None)
    )
    builds = select(*(DATASETS.c[name] for name in ("first_build", "last_build", "build_count")))
    first, last, count = db.session.execute(builds.where(DATASETS.c.id == dataset_id)).one()
    found = db.session.execute(checks.order_by(DatasetCheck.id)).all()
    return History([(at, end) for at, end in found if end], first, last, count)


def _show(dataset_id: int, picture: Mapping[str, Any] | None) -> None:
    """Replace the picture of the dataset."""
    db.session.execute(delete(DatasetThumbnail).where(DatasetThumbnail.dataset_id == dataset_id))
    if picture:
        etag = hashlib.sha1(picture["png"], usedforsecurity=False).hexdigest()
        db.session.execute(insert(DatasetThumbnail).values(dataset_id=dataset_id, etag=etag, **picture))


def _delete_old_checks(dataset_id: int) -> None:
    checks = select(DatasetCheck.id).where(DatasetCheck.dataset_id == dataset_id)
    oldest = db.session.scalar(checks.order_by(DatasetCheck.id.desc()).offset(KEPT_CHECKS - 1).limit(1))
    if oldest is not None:
        old = delete(DatasetCheck).where(DatasetCheck.dataset_id == dataset_id, DatasetCheck.id < oldest)
        db.session.execute(old)
