"""The datasets of production runs, with what their feedstock and an inspection say, for STAC and Intake."""

from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, DateTime, Label, Row, Select, bindparam, func, inspect, select
from sqlalchemy import type_coerce as as_type
from werkzeug.exceptions import NotFound

from app.database import rows
from app.database.columns import UTCDateTime
from app.database.statements import Rows, fetch
from app.models import Dataset, DatasetDescription, DatasetThumbnail, FeedstockMetadata
from app.models.datasets import DATASETS
from app.services import datasets

# Statements are built once, see `app.database.statements.fetch`.
_asked = DATASETS.alias("asked")
_about, _found, _picture = (
    model.__table__.alias(name)
    for model, name in ((FeedstockMetadata, "about"), (DatasetDescription, "found"), (DatasetThumbnail, "picture"))
)
_KNOWN = (
    inspect(Dataset)
    .local_table.outerjoin(_about, _about.c.feedstock_id == DATASETS.c.feedstock_id)
    .outerjoin(_found, _found.c.dataset_id == DATASETS.c.id)
    .outerjoin(_picture, _picture.c.dataset_id == DATASETS.c.id)
)
_PRODUCTION = (DATASETS.c.url != "", ~DATASETS.c.is_test)
_LISTED = (*_PRODUCTION, DATASETS.c.merged_into.is_(None), DATASETS.c.withdrawn_at.is_(None))
_TITLE = func.coalesce(DATASETS.c.title, _about.c.title).label("title")
_DESCRIPTION = func.coalesce(DATASETS.c.description, _about.c.description).label("description")


def _of(names: Sequence[str]) -> list[Label[Any]]:
    """Return columns of datasets, with times as they are stored: naive, in UTC."""
    columns = inspect(Dataset).columns
    return [_plain(columns[name]).label(name) for name in names]


def _plain(column: ColumnElement[Any]) -> ColumnElement[Any]:
    return as_type(column, DateTime) if isinstance(column.type, UTCDateTime) else column


_LINKS: Select[Any] = (
    select(_TITLE, *_of(("feedstock", "recipe_id", "id")))
    .select_from(inspect(Dataset).local_table.outerjoin(_about, _about.c.feedstock_id == DATASETS.c.feedstock_id))
    .where(*_LISTED, DATASETS.c.id > bindparam("last"))
    .order_by(DATASETS.c.id)
    .limit(bindparam("limit"))
)
OPENING = ("dataset_type", "url", "snapshot_id")
_ENTRIES: Select[Any] = (
    select(
        *_of((*OPENING, "feedstock", "recipe_id", "bakery", "last_build", "withdrawn_at", "id")),
        *(_found.c.engine, _found.c.consolidated, _TITLE, _asked.c.id.label("number")),
    )
    .select_from(_KNOWN.join(_asked, DATASETS.c.id == func.coalesce(_asked.c.merged_into, _asked.c.id)))
    .where(*_PRODUCTION, _asked.c.id > bindparam("last"))
    .order_by(_asked.c.id)
    .limit(bindparam("limit"))
)
_COLLECTIONS: Select[Any] = (
    select(
        *_of((*OPENING, "feedstock", "feedstock_id", "recipe_id", "bakery", "run_id", "build_count")),
        *_of(("first_build", "last_build", "withdrawn_at", "id")),
        *(_TITLE, _DESCRIPTION),
        *(_about.c[name] for name in ("license", "license_text", "license_url", "providers", "keywords")),
        *(_about.c.links.label("related"), _about.c.thumbnail_url),
        *(_plain(_found.c[name]).label(name) for name in ("described_at", "time_start", "time_end")),
        *(_found.c[name] for name in ("variables", "dimensions", "west", "south", "east", "north")),
        *(_found.c.zarr_format, _found.c.consolidated, _found.c.engine, _picture.c.etag.label("picture")),
    )
    .select_from(_KNOWN)
    .where(*_PRODUCTION, DATASETS.c.id.in_(bindparam("ids", expanding=True)))
)
_PAGE: Select[Any] = (
    select(DATASETS.c.id).where(*_LISTED).order_by(DATASETS.c.id).limit(bindparam("limit")).offset(bindparam("offset"))
)


def links(connection: Connection) -> Iterator[Rows]:
    """Yield the title, feedstock, recipe and id of all listed datasets, ordered by id, in batches."""
    return rows.batches(_LINKS, 0, connection)


def entries(connection: Connection) -> Iterator[Rows]:
    """Yield rows for Intake, ordered by `number`, in batches: also of withdrawn datasets.

    `number` is the id of the entry, and `id` that of its dataset: another one if two datasets were merged.
    """
    return rows.batches(_ENTRIES, 0, connection)


def page(limit: int, offset: int) -> list[int]:
    """Return the ids of listed datasets, ordered."""
    return [number for (number,) in fetch(_PAGE, {"limit": limit, "offset": offset})]


def collections(ids: Sequence[int], connection: Connection | None = None) -> list[Row[Any]]:
    """Return all that is known about these datasets, in their order. Those that are not of production are left out."""
    by_id = {row.id: row for row in fetch(_COLLECTIONS, {"ids": ids}, connection)}
    return [by_id[number] for number in ids if number in by_id]


def collection(number: int) -> Row[Any]:
    """Return all that is known about the production dataset that has this id, or had it before a merge. Raises 404."""
    for row in collections([datasets.resolve(number, of_runs=False)]):
        return row
    raise NotFound(f"{Dataset.noun} {number} not found")
