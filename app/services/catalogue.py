"""The datasets of production runs, with what their feedstock and an inspection say, for STAC and Intake."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Connection, DateTime, FromClause, Row, Select, bindparam, func, select
from sqlalchemy import type_coerce as as_type
from werkzeug.exceptions import NotFound

from app.database import rows
from app.database.columns import UTCDateTime
from app.database.fairness import in_batches
from app.database.statements import Rows, fetch
from app.models import Bakery, Dataset, DatasetDescription, DatasetThumbnail, Feedstock, FeedstockMetadata
from app.models.dataset_search import BY_RANK
from app.models.datasets import DATASETS, is_about_url
from app.services import datasets


class Entry(NamedTuple):
    """What Intake has to know about a dataset. Reading a field of it takes a tenth of the time that a row takes.

    `number` is the id of the entry, and `id` that of its dataset: another one if two datasets were merged.
    """

    dataset_type: str | None
    url: str
    snapshot_id: str | None
    recipe_id: str
    last_build: datetime
    withdrawn_at: datetime | None
    id: int
    feedstock: str
    bakery: str | None
    title: str | None
    engine: str | None
    consolidated: bool | None
    number: int


FOUND_MAX = 10_000  # datasets of one of several texts
BATCH = 2000  # datasets in memory; PostgreSQL plans each statement again, so few statements are faster

# Statements are built once, see `app.database.statements.fetch`.
_asked = DATASETS.alias("asked")
_feedstock, _bakery, _about, _found, _opened, _picture = (
    model.__table__.alias(name)
    for model, name in (
        *((Feedstock, "of_feedstock"), (Bakery, "of_bakery"), (FeedstockMetadata, "about")),
        *((DatasetDescription, "found"), (DatasetDescription, "opened"), (DatasetThumbnail, "picture")),
    )
)
_WITH_TITLE = DATASETS.join(_feedstock, _feedstock.c.id == DATASETS.c.feedstock_id).outerjoin(
    _about, _about.c.feedstock_id == DATASETS.c.feedstock_id
)
_KNOWN = (
    _WITH_TITLE.outerjoin(_bakery, _bakery.c.id == DATASETS.c.bakery_id)
    .outerjoin(_found, _found.c.dataset_id == DATASETS.c.id)
    .outerjoin(_opened, is_about_url(_opened))
    .outerjoin(_picture, _picture.c.dataset_id == DATASETS.c.id)
)
_PRODUCTION = (DATASETS.c.url != "", ~DATASETS.c.is_test)
_LISTED = (*_PRODUCTION, DATASETS.c.merged_into.is_(None), DATASETS.c.withdrawn_at.is_(None))
_TITLE = func.coalesce(DATASETS.c.title, _about.c.title).label("title")
_DESCRIPTION = func.coalesce(DATASETS.c.description, _about.c.description).label("description")


_FEEDSTOCK, _BAKERY = _feedstock.c.spec.label("feedstock"), _bakery.c.name.label("bakery")


def _of(table: FromClause, *names: str) -> list[ColumnElement[Any]]:
    """Return columns of a table, with times as they are stored: naive, in UTC."""
    return [_plain(table.c[name]).label(name) for name in names]


def _plain(column: ColumnElement[Any]) -> ColumnElement[Any]:
    return as_type(column, DateTime) if isinstance(column.type, UTCDateTime) else column


_LINKS: Select[Any] = (
    select(_TITLE, _FEEDSTOCK, DATASETS.c.recipe_id, DATASETS.c.id)
    .select_from(_WITH_TITLE)
    .where(*_LISTED, DATASETS.c.id > bindparam("last"))
    .order_by(DATASETS.c.id)
    .limit(bindparam("limit"))
)
_ENTRIES: Select[Any] = (
    select(
        *_of(DATASETS, "dataset_type", "url", "snapshot_id", "recipe_id", "last_build", "withdrawn_at", "id"),
        *(_FEEDSTOCK, _BAKERY, _TITLE, _opened.c.engine, _opened.c.consolidated, _asked.c.id.label("number")),
    )
    .select_from(_KNOWN.join(_asked, DATASETS.c.id == func.coalesce(_asked.c.merged_into, _asked.c.id)))
    .where(*_PRODUCTION, _asked.c.id > bindparam("last"))
    .order_by(_asked.c.id)
    .limit(bindparam("limit"))
)
_COLLECTIONS: Select[Any] = (
    select(
        *_of(DATASETS, "dataset_type", "url", "snapshot_id", "recipe_id", "feedstock_id", "run_id", "build_count"),
        *_of(DATASETS, "first_build", "last_build", "withdrawn_at", "id"),
        *(_FEEDSTOCK, _BAKERY, _TITLE, _DESCRIPTION, _about.c.links.label("related")),
        *_of(_about, "license", "license_text", "license_url", "providers", "keywords", "thumbnail_url"),
        *_of(_found, "variables", "dimensions", "west", "south", "east", "north", "time_start", "time_end"),
        *(*_of(_found, "described_at"), *_of(_opened, "zarr_format", "consolidated", "engine")),
        _picture.c.etag.label("picture"),
    )
    .select_from(_KNOWN)
    .where(*_PRODUCTION, DATASETS.c.id.in_(bindparam("ids", expanding=True)))
)


def links(connection: Connection) -> Iterator[Rows]:
    """Yield the title, feedstock, recipe and id of all listed datasets, ordered by id, in batches."""
    for batch in rows.batches(_LINKS, 0, connection, BATCH):
        yield from in_batches(batch)


def entries(connection: Connection) -> Iterator[list[Entry]]:
    """Yield the entries for Intake, ordered by `number`, in batches: also those of withdrawn datasets."""
    for batch in rows.batches(_ENTRIES, 0, connection, BATCH):
        for some in in_batches(batch):
            yield [Entry(*row) for row in some]


def search(
    *, limit: int, offset: int, q: Sequence[str] = (), order: tuple[str, str] | None = None, **filters: Any
) -> list[int]:
    """Return the ids of listed datasets that have one of the texts in `q`, by default any, and match `filters`.

    They are sorted by `order`, a column that is never null and `asc` or `desc`, and then by id; by default by rank, or
    by id without `q`. If there are several texts, up to FOUND_MAX datasets of each text are found, and by default those
    that have the first one come first.
    """
    order_by, sort = order or ((BY_RANK, "desc") if q else ("id", "asc"))
    query = filters | {"order_by": order_by, "sort": sort, "is_test": [False], "include_withdrawn": False}
    query["columns"] = ("id", order[0] if order else "id")
    if len(q) < 2:
        found = datasets.page(*q, limit=limit, offset=offset, **query)
        return [row[0] for row in found.rows]
    pages = (datasets.page(text, limit=min(offset + limit, FOUND_MAX), offset=0, **query) for text in q)
    found_values = {row[0]: row[1] for page in pages for row in page.rows}
    ids = list(found_values)
    if order:
        ids.sort(key=lambda number: (found_values[number], number), reverse=sort == "desc")
    return ids[offset : offset + limit]


def collections(ids: Sequence[int], connection: Connection | None = None) -> list[Row[Any]]:
    """Return all that is known about these datasets, in their order. Those that are not of production are left out."""
    by_id = {row.id: row for row in fetch(_COLLECTIONS, {"ids": ids}, connection)}
    return [by_id[number] for number in ids if number in by_id]


def collection(number: int) -> Row[Any]:
    """Return all that is known about the production dataset that has this id, or had it before a merge. Raises 404."""
    for row in collections([datasets.resolve(number, of_runs=False)]):
        return row
    raise NotFound(f"{Dataset.noun} {number} not found")
