"""Recipe runs: one execution of a recipe of a feedstock in a bakery.

`status` and `conclusion` take the values of GitHub's check runs (https://docs.github.com/rest/checks/runs).
"""

from datetime import datetime

from sqlalchemy import ColumnElement, ForeignKey, Index, and_, false, text
from sqlalchemy.orm import Mapped, backref, mapped_column, relationship

from app.models.bakeries import Bakery
from app.models.base import Record
from app.models.columns import UTCDateTime
from app.models.feedstocks import Feedstock

STATUSES = ("queued", "in_progress", "completed")
CONCLUSIONS = ("action_required", "cancelled", "failure", "neutral", "success", "skipped", "stale", "timed_out")
DATASET_TYPES = ("zarr", "kerchunk", "parquet")

_WITH_URL = text("dataset_public_url IS NOT NULL")


class RecipeRun(Record):
    __tablename__ = "reciperun"
    __table_args__ = (
        Index(None, "bakery_id", "id"),
        Index(None, "feedstock_id", "id"),
        Index(None, "started_at", "id"),
        Index("ix_reciperun_dataset", "feedstock_id", "id", postgresql_where=_WITH_URL, sqlite_where=_WITH_URL),
        {"sqlite_autoincrement": True},
    )

    label = "recipe run"

    recipe_id: Mapped[str]
    bakery_id: Mapped[int] = mapped_column(ForeignKey(Bakery.id))
    feedstock_id: Mapped[int] = mapped_column(ForeignKey(Feedstock.id))
    head_sha: Mapped[str]
    version: Mapped[str]
    started_at: Mapped[datetime] = mapped_column(UTCDateTime)
    completed_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    conclusion: Mapped[str | None]
    status: Mapped[str] = mapped_column(server_default="queued")
    is_test: Mapped[bool] = mapped_column(server_default=false())
    dataset_type: Mapped[str | None]
    dataset_public_url: Mapped[str | None]
    message: Mapped[str | None]
    id: Mapped[int] = mapped_column(primary_key=True)

    # The database refuses to delete a parent that has runs; SQLAlchemy must not orphan them first.
    bakery: Mapped[Bakery] = relationship(backref=backref("recipe_runs", order_by=id, passive_deletes="all"))
    feedstock: Mapped[Feedstock] = relationship(backref=backref("recipe_runs", order_by=id, passive_deletes="all"))

    @classmethod
    def published(cls) -> ColumnElement[bool]:
        """The runs whose dataset can be opened: completed, successful and with a url."""
        return and_(cls.status == "completed", cls.conclusion == "success", cls.dataset_public_url.is_not(None))
