"""What a list of datasets shows of each of them: more than the list of the API has."""

from typing import Any

from sqlalchemy import Row, select

from app.dashboard.maps import Extent
from app.extensions import db
from app.models import DatasetHealth, DatasetThumbnail, FeedstockMetadata
from app.models.datasets import DATASETS, is_about_url
from app.services.catalogue_import import NOT_PUBLIC

VERDICTS = {True: "healthy", False: "unhealthy", None: "unknown"}
NOT_CHECKED = "not checked"
SUMMARY_MAX = 240  # characters

_KNOWN = (
    select(
        DATASETS.c.id,
        FeedstockMetadata.description,
        DatasetHealth.checked_at,
        DatasetThumbnail.etag,
        DatasetThumbnail.variable,
    )
    .select_from(DATASETS)
    .outerjoin(FeedstockMetadata, FeedstockMetadata.id == DATASETS.c.feedstock_id)
    .outerjoin(DatasetHealth, is_about_url(DatasetHealth.__table__))
    .outerjoin(DatasetThumbnail, DatasetThumbnail.dataset_id == DATASETS.c.id)
)


def cards(datasets: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the datasets with what is known of them besides: `heading`, `summary`, `health`, `extent`, ….

    `listed_as` is the type that the runs say, if an inspection has found another format.
    """
    ids = [dataset["id"] for dataset in datasets]
    known = {row.id: row for row in db.session.execute(_KNOWN.where(DATASETS.c.id.in_(ids)))}
    return [dataset | _card(dataset, known[dataset["id"]]) for dataset in datasets if dataset["id"] in known]


def _card(dataset: dict[str, Any], row: Row[Any]) -> dict[str, Any]:
    """Return more values of a dataset."""
    return {
        "heading": dataset["title"] or dataset["recipe_id"],
        "summary": summary(dataset["description"]) or summary(row.description),
        "is_public": NOT_PUBLIC not in (dataset["description"] or ""),
        "health": VERDICTS[dataset["healthy"]] if row.checked_at else NOT_CHECKED,
        "checked_at": row.checked_at,
        "extent": dataset["bbox"] and Extent(*dataset["bbox"]),
        "has_picture": row.etag is not None,
        "pictured": row.variable,
        "listed_as": dataset["dataset_type"] if dataset["dataset_type"] != dataset["format"] else None,
    }


def summary(text: str | None) -> str:
    """Return the start of the first paragraph, on one line."""
    line = " ".join((text or "").replace(NOT_PUBLIC, "").strip().partition("\n\n")[0].split())
    return line if len(line) <= SUMMARY_MAX else f"{line[:SUMMARY_MAX].rpartition(' ')[0]} …"
