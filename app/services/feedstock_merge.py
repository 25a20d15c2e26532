"""Merges two feedstocks, in a database at any revision that has feedstocks.

An upgrade stops if two feedstocks have names of one repository, and asks for a merge. So this module uses only the
tables and columns that the database has, and reads no column that a migration has added.
"""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import JSON, Column, Connection, Row, Table, delete, func, insert, inspect, literal, select, update
from werkzeug.exceptions import Conflict, NotFound

from app.database.columns import UTCDateTime, now
from app.database.deadline import lift_limits
from app.database.names import lower, normal
from app.extensions import db
from app.models import (
    AuditEntry,
    DatasetCheck,
    DatasetDescription,
    DatasetEvent,
    DatasetHealth,
    DatasetSearchQueue,
    DatasetThumbnail,
    Feedstock,
    FeedstockAlias,
    FeedstockMetadata,
    RecipeRun,
    RecipeRunEvent,
)
from app.models.datasets import DATASETS, KEY, same_key
from app.models.feedstocks import repository
from app.models.recipe_runs import SYSTEM
from app.services import audit

FEEDSTOCK, ALIAS, METADATA, RUN, EVENT, AUDIT, DATASET_EVENT = (
    db.metadata.tables[model.__tablename__]
    for model in (Feedstock, FeedstockAlias, FeedstockMetadata, RecipeRun, RecipeRunEvent, AuditEntry, DatasetEvent)
)
DESCRIPTION, THUMBNAIL, HEALTH, CHECK, SEARCH_QUEUE = (
    db.metadata.tables[model.__tablename__]
    for model in (DatasetDescription, DatasetThumbnail, DatasetHealth, DatasetCheck, DatasetSearchQueue)
)
# The columns that triggers change when the runs of a dataset move away. A merge restores them.
RESTORED = ("run_id", "build_count", "withdrawn_at", "url")


@dataclass(frozen=True)
class Merged:
    """The names of both feedstocks, the number of runs that moved, and whether the audit log has the merge.

    `links` has the id and the url of each link that is not listed any more: its id leads to the same dataset of the
    kept feedstock.
    """

    kept: str
    deleted: str
    runs: int
    audited: bool
    links: list[tuple[int, str]]


def merge(kept_id: int, deleted_id: int) -> Merged:
    """Move the runs and the former names of the second feedstock to the first, and delete the second.

    The first feedstock keeps its metadata. If it has none, it gets those of the second.

    The caller commits. Raises 404 if one of them does not exist, 409 if they cannot be merged.
    """
    connection = db.session.connection()
    lift_limits(connection)
    tables = set(inspect(connection).get_table_names())
    kept, deleted = _lock(connection, tables, kept_id, deleted_id)
    moving = _datasets_of(connection, tables, deleted_id)
    existing = {dataset.id for dataset in _datasets_of(connection, tables, kept_id)}
    runs = _move_runs(connection, tables, kept, deleted)
    merged = _move_datasets(connection, moving, existing, kept_id)
    for old, new, is_old in merged:
        _move_known(connection, tables, old, new, is_old)
    others = {old for old, _, is_old in merged if not is_old}
    links = [(row.id, row.url) for row in moving if row.id in others and not row.build_count and not row.withdrawn_at]
    _move_names(connection, tables, kept, deleted)
    if METADATA.name in tables:
        _move_metadata(connection, kept_id, deleted_id)
    connection.execute(delete(FEEDSTOCK).where(FEEDSTOCK.c.id == deleted_id))
    if audited := AUDIT.name in tables:
        details = {"kept": kept_id, "deleted": deleted_id, "spec": deleted.spec, "recipe_runs": runs}
        details |= {"links": [url for _, url in links]} if links else {}
        audit.add("merge", "feedstocks", kept_id, deleted_id, details=details)
    return Merged(kept.spec, deleted.spec, runs, audited, links)


def _lock(connection: Connection, tables: set[str], kept_id: int, deleted_id: int) -> tuple[Row[Any], Row[Any]]:
    """Both rows, locked, so that no program adds runs to them until the transaction ends."""
    if kept_id == deleted_id:
        raise Conflict(f"feedstock {kept_id} cannot be merged into itself.")
    if FEEDSTOCK.name not in tables:
        raise Conflict("The database has no feedstocks.")
    columns = (FEEDSTOCK.c[name] for name in ("id", "spec", "provider"))
    rows = select(*columns).where(FEEDSTOCK.c.id.in_((kept_id, deleted_id))).order_by(FEEDSTOCK.c.id).with_for_update()
    found = {row.id: row for row in connection.execute(rows)}
    for number in (kept_id, deleted_id):
        if number not in found:
            raise NotFound(f"feedstock {number} not found")
    return found[kept_id], found[deleted_id]


def _move_runs(connection: Connection, tables: set[str], kept: Row[Any], deleted: Row[Any]) -> int:
    """Move the runs, with an event for each. Triggers of the database move the counts."""
    of_deleted = RUN.c.feedstock_id == deleted.id
    time = literal(now(), UTCDateTime())
    values: dict[str, Any] = {"feedstock_id": kept.id}
    if EVENT.name in tables:
        reason = f"Feedstock {deleted.id} ({deleted.spec}) was merged into feedstock {kept.id} ({kept.spec})."
        before, after = (literal({"feedstock_id": row.id}, JSON()) for row in (deleted, kept))
        events = select(RUN.c.id, time, literal(SYSTEM), before, after, literal(reason)).where(of_deleted)
        names = ["recipe_run_id", "at", "actor", "before", "after", "reason"]
        connection.execute(insert(EVENT).from_select(names, events))
    if _has_column(connection, RUN, "updated_at"):
        values["updated_at"] = time
    return connection.execute(update(RUN).where(of_deleted).values(values)).rowcount


def _move_names(connection: Connection, tables: set[str], kept: Row[Any], deleted: Row[Any]) -> None:
    """Make the names of the deleted feedstock aliases of the kept one. Raises 409 if there is no table for them."""
    other_name = _identity(kept) != _identity(deleted)
    if ALIAS.name in tables:
        moved = update(ALIAS).where(ALIAS.c.feedstock_id == deleted.id).values(feedstock_id=kept.id)
        connection.execute(moved)
        if other_name:
            connection.execute(delete(ALIAS).where(*FeedstockAlias.names(deleted.provider, deleted.spec)))
            values = {"feedstock_id": kept.id, "provider": deleted.provider, "spec": deleted.spec}
            connection.execute(insert(ALIAS).values(values))
    elif other_name:
        sentence = "are different repositories. Upgrade the database first: it then keeps the name of the second."
        raise Conflict(f"{kept.spec!r} and {deleted.spec!r} {sentence}")


def _move_metadata(connection: Connection, kept_id: int, deleted_id: int) -> None:
    number = METADATA.c.feedstock_id
    if connection.scalar(select(number).where(number == kept_id)) is None:
        connection.execute(update(METADATA).where(number == deleted_id).values(feedstock_id=kept_id))


def _datasets_of(connection: Connection, tables: set[str], feedstock_id: int) -> list[Row[Any]]:
    """The datasets of the feedstock, each with the id of its last event."""
    if DATASETS.name not in tables:
        return []
    last = select(func.max(DATASET_EVENT.c.id)).where(DATASET_EVENT.c.dataset_id == DATASETS.c.id).scalar_subquery()
    found = select(DATASETS, func.coalesce(last, 0).label("last_event")).where(DATASETS.c.feedstock_id == feedstock_id)
    return list(connection.execute(found.order_by(DATASETS.c.id)))


def _move_datasets(
    connection: Connection, moving: list[Row[Any]], existing: set[int], kept_id: int
) -> list[tuple[int, int, bool]]:
    """Move the datasets to the kept feedstock. If it had the same dataset already, the moved id leads to that, and so
    do the ids that led to the moved one. Return both ids, and whether the data are now those of the moved one.

    When the runs moved, the triggers have withdrawn these datasets and created others, or added builds to those of the
    kept feedstock, which are `existing`.
    """
    merged = []
    for old in moving:
        key = {name: getattr(old, name) for name in KEY} | {"feedstock_id": kept_id}
        new = connection.execute(select(DATASETS).where(*same_key(key))).first()
        values = {name: getattr(old, name) for name in RESTORED} | {"feedstock_id": kept_id}
        if new and old.merged_into is None and new.id not in existing:
            connection.execute(delete(DATASETS).where(DATASETS.c.id == new.id))  # the triggers have created it
        elif new and old.merged_into is None:
            values |= {"merged_into": new.id}
            merged_earlier = DATASETS.c.merged_into == old.id
            connection.execute(update(DATASETS).where(merged_earlier).values(merged_into=new.id))
            merged.append((old.id, new.id, _merge_dataset(connection, old, new)))
        connection.execute(
            delete(DATASET_EVENT).where(DATASET_EVENT.c.dataset_id == old.id, DATASET_EVENT.c.id > old.last_event)
        )
        connection.execute(update(DATASETS).where(DATASETS.c.id == old.id).values(values))
    return merged


def _merge_dataset(connection: Connection, old: Row[Any], new: Row[Any]) -> bool:
    """Give the dataset `new` what people have said about `old`, unless they have said something about it too.

    Return whether its data are now those of `old`: if that had the newest build, or if it is a listed link and the
    other one was withdrawn.
    """
    content = {name: getattr(old, name) for name in ("title", "description") if getattr(new, name) is None}
    is_listed_again = bool(new.withdrawn_at and not old.withdrawn_at)
    if is_listed_again:
        content |= {"url": old.url, "withdrawn_at": None}
        event = {"dataset_id": new.id, "at": now(), "url": old.url, "replaced_url": new.url}
        connection.execute(insert(DATASET_EVENT).values(event))
    if content:
        connection.execute(update(DATASETS).where(DATASETS.c.id == new.id).values(content))
    return is_listed_again or (old.run_id is not None and new.run_id == old.run_id)


def _move_known(connection: Connection, tables: set[str], old: int, new: int, is_old: bool) -> None:
    """Move the description with the picture, and the verdict with its checks, from the dataset `old` to `new`.

    If both have them, those of the dataset stay whose data these are: of `old` if `is_old`.
    """
    order = (old, new) if is_old else (new, old)
    if DESCRIPTION.name in tables and _first_known(connection, DESCRIPTION.c.described_at, *order) == old:
        _replace(connection, DESCRIPTION, old, new)
        _replace(connection, THUMBNAIL, old, new)
    if HEALTH.name in tables and _first_known(connection, HEALTH.c.checked_at, *order) == old:
        _replace(connection, HEALTH, old, new)
        connection.execute(update(CHECK).where(CHECK.c.dataset_id == old).values(dataset_id=new))
    if SEARCH_QUEUE.name in tables:  # the triggers note other variables, but not another id
        connection.execute(insert(SEARCH_QUEUE).values(dataset_id=new))


def _first_known(connection: Connection, known_at: Column[Any], first: int, second: int) -> int | None:
    """The first of two datasets that has a row with that time. The mere claim of an inspection has none."""
    number = known_at.table.c.dataset_id
    known = select(number).where(number.in_((first, second)), known_at.is_not(None))
    return connection.scalar(known.order_by(number != first).limit(1))


def _replace(connection: Connection, table: Table, old: int, new: int) -> None:
    """Give the dataset `new` the row of the dataset `old`, if there is one, instead of its own."""
    connection.execute(delete(table).where(table.c.dataset_id == new))
    connection.execute(update(table).where(table.c.dataset_id == old).values(dataset_id=new))


def _identity(feedstock: Row[Any]) -> tuple[str, str]:
    spec = normal(feedstock.spec)
    return feedstock.provider, lower(repository(spec) or spec)


def _has_column(connection: Connection, table: Table, name: str) -> bool:
    return name in {column["name"] for column in inspect(connection).get_columns(table.name)}
