"""Stores what the data of a feedstock are about."""

from typing import Any

from app.database.columns import now
from app.errors import Invalid
from app.extensions import db
from app.models import FeedstockMetadata
from app.services.licenses import known_id, spdx_id

TEXTS = (
    *("title", "description", "license", "license_text", "license_url"),
    *("thumbnail_url", "citation", "acknowledgements"),
)
LISTS = ("providers", "maintainers", "keywords", "links")


def find(feedstock_id: int) -> FeedstockMetadata | None:
    """The metadata of a feedstock; None if it has no metadata."""
    return db.session.get(FeedstockMetadata, feedstock_id)


def save(feedstock_id: int, values: dict[str, Any]) -> tuple[FeedstockMetadata, bool, bool]:
    """Replace the metadata of a feedstock. Return the record, whether it is new, and whether anything changed.

    The row of the feedstock must be locked. A field that `values` does not have becomes null or an empty list. The
    licence has a text if it has an id, and an id if its text or url tells it.
    """
    columns = dict.fromkeys(TEXTS) | {name: [] for name in LISTS} | values
    columns["license"] = _known(columns["license"])
    columns["license_text"] = columns["license_text"] or columns["license"] or columns["license_url"]
    columns["license"] = columns["license"] or spdx_id(columns["license_text"]) or spdx_id(columns["license_url"])
    record = find(feedstock_id)
    if record and all(getattr(record, name) == value for name, value in columns.items()):
        return record, False, False
    new = record is None
    if record is None:
        record = FeedstockMetadata(id=feedstock_id)
        db.session.add(record)
    record.change(columns | {"updated_at": now()}, "")
    db.session.flush()
    return record, new, True


def _known(license_id: str | None) -> str | None:
    """The licence as SPDX spells it. Raises 422 if SPDX does not know it."""
    if not license_id:
        return None
    if found := known_id(license_id):
        return found
    sentence = "license: Must be an id of SPDX, such as CC-BY-4.0. `license_text` may be any text."
    raise Invalid.at("body", "license", sentence)
