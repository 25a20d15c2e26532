"""Datasets: what recipes have built, and links to datasets that others have built."""

import re
from datetime import datetime
from typing import Any, ClassVar, cast

from sqlalchemy import (
    Boolean,
    Column,
    ColumnElement,
    ForeignKey,
    Index,
    Integer,
    String,
    case,
    column,
    func,
    select,
    table,
    text,
    type_coerce,
)
from sqlalchemy.ext.hybrid import hybrid_property
from sqlalchemy.orm import Mapped, column_property, mapped_column
from sqlalchemy.types import TypeDecorator

from app.database.columns import BIG_ID, LongText, UTCDateTime
from app.database.filters import Filter, is_unset_unless, since, until
from app.database.indexes import list_index, long_text_index, text_index
from app.database.record import Record
from app.extensions import db
from app.models.bakeries import Bakery
from app.models.feedstocks import Feedstock, names_repository
from app.models.opening import Opening
from app.models.recipe_runs import RecipeRun

# Schemes of urls that contain what a browser runs or shows, and the characters that it ignores before and in a scheme.
SCRIPTS = ("javascript:", "vbscript:", "data:")
IGNORED_BY_BROWSERS = re.compile("^[\\x00-\\x20]+|[\\t\\n\\r]")

# Runs with equal values in these columns build the same dataset.
KEY = ("feedstock_id", "recipe_id", "dataset_type", "is_test")

DATASETS = db.Table(
    "dataset",
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("feedstock_id", ForeignKey(Feedstock.id, ondelete="CASCADE"), nullable=False),
    Column("recipe_id", String, nullable=False),
    Column("dataset_type", String),
    Column("is_test", Boolean, nullable=False),
    Column("url", LongText, nullable=False),
    Column("snapshot_id", String),
    Column("run_id", Integer),
    Column("bakery_id", ForeignKey(Bakery.id, ondelete="SET NULL")),
    Column("first_build", UTCDateTime, nullable=False),
    Column("last_build", UTCDateTime, nullable=False),
    Column("build_count", Integer, nullable=False),
    Column("withdrawn_at", UTCDateTime),
    Column("merged_into", ForeignKey("dataset.id", ondelete="CASCADE"), index=True),
    Column("title", String),
    Column("description", String),
    *(list_index(name) for name in ("feedstock_id", "bakery_id", "is_test")),
    *(list_index(name) for name in ("first_build", "last_build", "build_count", "run_id")),
    *(text_index(name) for name in ("recipe_id", "dataset_type")),
    long_text_index("dataset", "url"),
)
DATASETS.add_is_dependent_on(RecipeRun.__table__)  # an import restores runs first, whose triggers create datasets
_feedstock, _bakery = Feedstock.__table__.alias(), Bakery.__table__.alias()
for _column in _bakery.columns:
    cast(Any, _column).nullable = True  # a link has no bakery; `database.pages` reads this attribute
_LISTED = text("merged_into IS NULL")
# SQLite cannot reflect expressions, and has one writer at a time: the writers of datasets without a type look first.
Index("ix_dataset_recipe", *(DATASETS.c[name] for name in KEY), postgresql_where=_LISTED, sqlite_where=_LISTED)
# On PostgreSQL only, because SQLite cannot compare expressions. It has one writer at a time, who looks first.
Index(
    "ix_dataset_key",
    *(DATASETS.c.feedstock_id, DATASETS.c.recipe_id, func.coalesce(DATASETS.c.dataset_type, text("''"))),
    DATASETS.c.is_test,
    unique=True,
    postgresql_where=_LISTED,
).ddl_if(dialect="postgresql")


# The columns of `DatasetDescription` that a snippet needs; that model refers to this one.
_FOUND = table("dataset_description", column("dataset_id"), column("engine", String), column("consolidated", Boolean))
_IS_CONSOLIDATED = case((_FOUND.c.consolidated.is_(None), ""), (_FOUND.c.consolidated, "1"), else_="0")


class _Snippet(TypeDecorator[str | None]):
    """Converts lines with the values of an `Opening`, its url at the end, to the snippet."""

    impl = String
    cache_ok = True

    def process_result_value(self, value: str | None, dialect: Any) -> str | None:
        *known, found, consolidated, url = str(value).split("\n", 4)
        dataset_type, snapshot_id = (text or None for text in known)
        flag = consolidated == "1" if consolidated else None
        return Opening(dataset_type, url, snapshot_id, found or None, flag).snippet


class Dataset(Record):
    """All builds of one recipe of a feedstock, or a link to a dataset that no run has built.

    Triggers of the database keep its row up to date in the transaction that changes a run (migration 0022). `id` is
    given once: it is the id of the run of the first build, and a link takes the next id of a run. So the id of a run
    never belongs to a dataset that this run has not built. `run_id`, `url` and `last_build` are those of the newest
    build. A dataset whose builds are all gone keeps its row, with the time in `withdrawn_at`.
    """

    __table__ = DATASETS.join(_feedstock, _feedstock.c.id == DATASETS.c.feedstock_id).outerjoin(
        _bakery, _bakery.c.id == DATASETS.c.bakery_id
    )
    __mapper_args__ = {
        "include_properties": [*DATASETS.columns, _feedstock.c.spec, _bakery.c.name, _bakery.c.region],
        "primary_key": [DATASETS.c.id],
    }

    noun = "dataset"
    filters: ClassVar[dict[str, Filter]] = {
        "feedstock": names_repository("feedstock"),
        "since": since("last_build"),
        "until": until("last_build"),
        "include_withdrawn": is_unset_unless("withdrawn_at"),
    }

    id: Mapped[int]
    url: Mapped[str]
    feedstock: Mapped[str] = column_property(_feedstock.c.spec)
    feedstock_id: Mapped[int]
    recipe_id: Mapped[str]
    dataset_type: Mapped[str | None]
    is_test: Mapped[bool]
    snapshot_id: Mapped[str | None]
    bakery: Mapped[str | None] = column_property(_bakery.c.name)
    bakery_id: Mapped[int | None]
    region: Mapped[str | None] = column_property(_bakery.c.region)
    first_build: Mapped[datetime]
    last_build: Mapped[datetime]
    build_count: Mapped[int]
    run_id: Mapped[int | None]
    withdrawn_at: Mapped[datetime | None]
    merged_into: Mapped[int | None]
    title: Mapped[str | None]
    description: Mapped[str | None]

    # The engine that an inspection has found, a new line, and 1 or 0 for consolidated metadata.
    found: Mapped[str | None] = column_property(
        select(func.coalesce(_FOUND.c.engine, "") + "\n" + _IS_CONSOLIDATED)
        .where(_FOUND.c.dataset_id == DATASETS.c.id)
        .scalar_subquery(),
        deferred=True,
    )

    @hybrid_property
    def snippet(self) -> str | None:
        lines = (self.dataset_type or "", self.snapshot_id or "", self.found or "\n", self.url)
        return _Snippet().process_result_value("\n".join(lines), None)

    @snippet.inplace.expression
    @classmethod
    def _select_snippet(cls) -> ColumnElement[str | None]:
        known = func.coalesce(cls.dataset_type, "") + "\n" + func.coalesce(cls.snapshot_id, "") + "\n"
        return type_coerce(known + func.coalesce(cls.found, "\n") + "\n" + cls.url, _Snippet)


class DatasetEvent(db.Model):
    """A build replaced another one, a link was changed, or the dataset was withdrawn.

    `run_id` and `url` are those from then on; without `url` the dataset was withdrawn. `replaced_run_id` and
    `replaced_url` are those until then. The runs of links are null, and other runs may be deleted since.
    """

    __tablename__ = "dataset_event"
    __table_args__ = (list_index("dataset_id"), {"sqlite_autoincrement": True})

    filters: ClassVar[dict[str, Filter]] = {"since": since("at"), "until": until("at")}

    id: Mapped[int] = mapped_column(BIG_ID, primary_key=True)
    dataset_id: Mapped[int] = mapped_column(ForeignKey(DATASETS.c.id, ondelete="CASCADE"))
    at: Mapped[datetime] = mapped_column(UTCDateTime)
    run_id: Mapped[int | None]
    url: Mapped[str | None] = mapped_column(LongText)
    replaced_run_id: Mapped[int | None]
    replaced_url: Mapped[str | None] = mapped_column(LongText)


def is_link(url: str) -> bool:
    """Whether `url` may become a link: not if a browser would run it as a script.

    A browser ignores some characters of a url (https://url.spec.whatwg.org/#url-parsing).
    """
    seen = IGNORED_BY_BROWSERS.sub("", url).lower()
    return not seen.startswith(SCRIPTS)
