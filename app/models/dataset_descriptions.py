"""What is known about the data of a dataset: its description, its health, the checks of it and a small picture."""

from datetime import datetime
from typing import Any, ClassVar

from sqlalchemy import JSON, BigInteger, Float, ForeignKey, Index, LargeBinary
from sqlalchemy.orm import Mapped, mapped_column, validates

from app.database.columns import BIG_ID, JSONList, LongText, UTCDateTime
from app.database.filters import Filter, since, until
from app.database.record import Record
from app.extensions import db

# Who described a dataset: `flask datasets inspect`, or a runner.
INSPECTION, RUNNER = "inspection", "runner"
SOURCES = (INSPECTION, RUNNER)
NAMES_MAX = 50
KEPT_CHECKS = 100  # of a dataset, the newest


class DatasetDescription(Record):
    """The variables and the extent of a dataset. Its id is that of the dataset.

    `run_id` is the build that is described, and `url` where it was; a later build may have changed the data. Longitudes
    are from -180 to 180, and `west` is larger than `east` if the extent crosses 180 degrees.
    """

    __tablename__ = "dataset_description"
    __table_args__ = (
        Index("ix_dataset_description_extent", "south", "north", "west", "east", "dataset_id"),
        Index("ix_dataset_description_times", "time_start", "time_end", "dataset_id"),
        Index(None, "engine", "dataset_id"),
    )

    noun = "description of dataset"

    id: Mapped[int] = mapped_column("dataset_id", ForeignKey("dataset.id", ondelete="CASCADE"), primary_key=True)
    described_at: Mapped[datetime] = mapped_column(UTCDateTime)
    source: Mapped[str]
    run_id: Mapped[int | None]
    snapshot_id: Mapped[str | None]
    variables: Mapped[dict[str, Any]] = mapped_column(JSON)
    dimensions: Mapped[dict[str, Any]] = mapped_column(JSON)
    attributes: Mapped[dict[str, Any]] = mapped_column(JSON)
    west: Mapped[float | None] = mapped_column(Float(53))
    south: Mapped[float | None] = mapped_column(Float(53))
    east: Mapped[float | None] = mapped_column(Float(53))
    north: Mapped[float | None] = mapped_column(Float(53))
    time_start: Mapped[datetime | None] = mapped_column(UTCDateTime)
    time_end: Mapped[datetime | None] = mapped_column(UTCDateTime)
    time_step: Mapped[float | None] = mapped_column(Float(53))  # seconds
    bytes_stored: Mapped[int | None] = mapped_column(BigInteger)
    bytes_in_memory: Mapped[int | None] = mapped_column(BigInteger)
    zarr_format: Mapped[int | None]
    consolidated: Mapped[bool | None]
    engine: Mapped[str]
    url: Mapped[str | None] = mapped_column(LongText)  # null if it was described before migration 0037
    variable_names: Mapped[list[str] | None] = mapped_column(JSONList)  # of data variables, at most NAMES_MAX

    @validates("variables")
    def _keep_names(self, _key: str, variables: dict[str, Any]) -> dict[str, Any]:
        self.variable_names = data_variables(variables)
        return variables


def data_variables(variables: dict[str, Any]) -> list[str]:
    """Return the names of the variables that are not coordinates, sorted, at most NAMES_MAX."""
    return sorted(name for name, details in variables.items() if not details.get("coordinate"))[:NAMES_MAX]


class DatasetCheck(db.Model):
    """One check of a dataset. `results` has an object with `ok` and `sentence` for each name of `app.services.health`.

    `healthy` is null if this service could not find out. `time_end` is the last time step that was found.
    """

    __tablename__ = "dataset_check"
    __table_args__ = (Index(None, "dataset_id", "id"), {"sqlite_autoincrement": True})

    filters: ClassVar[dict[str, Filter]] = {"since": since("at"), "until": until("at")}

    id: Mapped[int] = mapped_column(BIG_ID, primary_key=True)
    dataset_id: Mapped[int] = mapped_column(ForeignKey("dataset.id", ondelete="CASCADE"))
    at: Mapped[datetime] = mapped_column(UTCDateTime)
    healthy: Mapped[bool | None]
    seconds: Mapped[float] = mapped_column(Float(53))
    time_end: Mapped[datetime | None] = mapped_column(UTCDateTime)
    results: Mapped[dict[str, Any]] = mapped_column(JSON)


class DatasetHealth(db.Model):
    """The newest verdict on a dataset, and the inspection that is running: until `claimed_until` no other one begins.

    The verdict is about what was at `url`. A claim expires, because an inspection may be killed.
    """

    __tablename__ = "dataset_health"
    __table_args__ = (Index(None, "checked_at", "dataset_id"), Index(None, "healthy", "dataset_id"))

    dataset_id: Mapped[int] = mapped_column(ForeignKey("dataset.id", ondelete="CASCADE"), primary_key=True)
    checked_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    healthy: Mapped[bool | None]
    claimed_until: Mapped[datetime | None] = mapped_column(UTCDateTime)
    url: Mapped[str | None] = mapped_column(LongText)  # null if it was checked before migration 0037


class DatasetThumbnail(db.Model):
    """A small picture of a variable of a dataset, a PNG. `etag` is the SHA-1 of its bytes."""

    __tablename__ = "dataset_thumbnail"

    dataset_id: Mapped[int] = mapped_column(ForeignKey("dataset.id", ondelete="CASCADE"), primary_key=True)
    png: Mapped[bytes] = mapped_column(LargeBinary)
    etag: Mapped[str]
    variable: Mapped[str | None]  # null if it was drawn before migration 0035
