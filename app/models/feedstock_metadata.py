"""What the data of a feedstock are about: what its meta.yaml and catalog.yaml say."""

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey
from sqlalchemy.orm import Mapped, mapped_column, synonym

from app.database.columns import JSONList, LongText, UTCDateTime
from app.database.record import Record
from app.models.feedstocks import Feedstock

# The roles of a provider in STAC (https://github.com/radiantearth/stac-spec/blob/master/commons/common-metadata.md).
ROLES = ("producer", "licensor", "processor", "host")
# The maximum of characters of a title, name or keyword, of a url, of a text of a provider, and of any other text.
NAME_MAX, URL_MAX, NOTE_MAX, TEXT_MAX = 500, 2048, 5_000, 20_000
ITEMS_MAX = 100  # providers, maintainers, keywords or links

# The name of an account on GitHub, in the syntax of JSON Schema too.
GITHUB = r"^[A-Za-z0-9][A-Za-z0-9_-]{0,38}$"
# https://support.orcid.org/hc/en-us/articles/360006897674
ORCID = r"^[0-9]{4}-[0-9]{4}-[0-9]{4}-[0-9]{3}[0-9X]$"


class FeedstockMetadata(Record):
    """The metadata of one feedstock. `license` is an id of SPDX if the licence is on its list."""

    __tablename__ = "feedstock_metadata"

    noun = "metadata of feedstock"

    id: Mapped[int] = mapped_column("feedstock_id", ForeignKey(Feedstock.id, ondelete="CASCADE"), primary_key=True)
    title: Mapped[str | None]
    description: Mapped[str | None] = mapped_column(LongText)
    license: Mapped[str | None]
    license_text: Mapped[str | None] = mapped_column(LongText)
    license_url: Mapped[str | None]
    providers: Mapped[list[dict[str, Any]]] = mapped_column(JSONList)
    maintainers: Mapped[list[dict[str, Any]]] = mapped_column(JSONList)
    keywords: Mapped[list[str]] = mapped_column(JSONList)
    links: Mapped[list[dict[str, Any]]] = mapped_column(JSONList)
    thumbnail_url: Mapped[str | None]
    citation: Mapped[str | None] = mapped_column(LongText)
    acknowledgements: Mapped[str | None] = mapped_column(LongText)
    updated_at: Mapped[datetime] = mapped_column(UTCDateTime)
    feedstock_id = synonym("id")


def has_check_digit(orcid: str) -> bool:
    """Whether the last character of an ORCID iD is right (ISO 7064, MOD 11-2)."""
    total = 0
    for digit in orcid.replace("-", "")[:-1]:
        total = 2 * (total + int(digit))
    return "0123456789X"[(12 - total % 11) % 11] == orcid[-1]
