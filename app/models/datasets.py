"""Datasets: what recipes have built, and links to datasets that others have built."""

from datetime import datetime
from typing import Any, ClassVar, cast

from sqlalchemy import (
    JSON,
    Boolean,
    Column,
    ColumnElement,
    ForeignKey,
    FromClause,
    Index,
    Integer,
    String,
    and_,
    case,
    func,
    literal,
    or_,
    text,
    type_coerce,
)
from sqlalchemy.ext.hybrid import hybrid_property
from sqlalchemy.orm import Mapped, column_property, mapped_column
from sqlalchemy.types import TypeDecorator

from app.database.columns import BIG_ID, JSONList, LongText, UTCDateTime, json_array
from app.database.filters import MANY, Filter, is_unset_unless, matches, since, until
from app.database.indexes import list_index, long_text_index, text_index
from app.database.record import Record
from app.extensions import db
from app.models.bakeries import Bakery
from app.models.dataset_descriptions import DatasetDescription, DatasetHealth
from app.models.dataset_search import contains_words, has_token, lasts, overlaps
from app.models.feedstock_metadata import FeedstockMetadata
from app.models.feedstocks import Feedstock, names_repository
from app.models.opening import TYPE_OF_ENGINE, Opening
from app.models.recipe_runs import RecipeRun

# Schemes of urls that contain what a browser runs or shows, and the characters that it ignores before a scheme.
SCRIPTS = ("javascript:", "vbscript:", "data:")
IGNORED = "".join(map(chr, range(0x21)))

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
    Index("ix_dataset_is_test_run_id_id", "is_test", "run_id", "id"),  # the list of production datasets, newest first
    Index("ix_dataset_is_test_last_build_id", "is_test", "last_build", "id"),  # the same by time, on the dashboard
)
DATASETS.add_is_dependent_on(RecipeRun.__table__)  # an import restores runs first, whose triggers create datasets
_feedstock, _bakery = Feedstock.__table__.alias(), Bakery.__table__.alias()
_metadata, _described, _opened, _health = (
    model.__table__.alias() for model in (FeedstockMetadata, DatasetDescription, DatasetDescription, DatasetHealth)
)
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


EDGES = ("west", "south", "east", "north")
_edges = [_described.c[name] for name in EDGES]
_EMPTY: ColumnElement[Any] = literal([], JSONList())
_FORMAT: ColumnElement[str | None] = func.coalesce(
    case(TYPE_OF_ENGINE, value=_opened.c.engine), DATASETS.c.dataset_type
)


def _engines(_columns: Any, formats: list[str]) -> dict[str, Any]:
    """The parameters of the filter `format`: the given ones, and the engines that open them."""
    return {"format": formats, "format_engines": [name for name, type in TYPE_OF_ENGINE.items() if type in formats]}


def _has_format(_columns: Any, name: str, _form: int) -> ColumnElement[bool]:
    """The condition that _FORMAT is one of the parameters. PostgreSQL has statistics of the columns, not of _FORMAT."""
    engine, listed = _opened.c.engine, matches(DATASETS.c.dataset_type, name, MANY)
    is_unknown = or_(engine.is_(None), engine.not_in(TYPE_OF_ENGINE))
    return or_(matches(engine, f"{name}_engines", MANY), and_(is_unknown, listed))


def is_about_url(table: FromClause) -> ColumnElement[bool]:
    """The condition that a row of `table` is about the dataset with the url that it has now.

    How a dataset is opened, and whether it is healthy, is not known of a url that was not inspected.
    """
    return and_(table.c.dataset_id == DATASETS.c.id, or_(table.c.url.is_(None), table.c.url == DATASETS.c.url))


class _Snippet(TypeDecorator[str | None]):
    """Converts a list with the arguments of an `Opening` to its snippet."""

    impl = JSON
    cache_ok = True

    def process_result_value(self, value: Any, dialect: Any) -> str | None:
        dataset_type, url, snapshot_id, engine, consolidated = value
        flag = None if consolidated is None else bool(consolidated)  # SQLite has numbers
        return Opening(dataset_type, url, snapshot_id, engine, flag).snippet


class Dataset(Record):
    """All builds of one recipe of a feedstock, or a link to a dataset that no run has built.

    Triggers of the database keep its row up to date in the transaction that changes a run (migration 0022). `id` is
    given once: it is the id of the run of the first build, and a link takes the next id of a run. So the id of a run
    never belongs to a dataset that this run has not built. `run_id`, `url` and `last_build` are those of the newest
    build. A dataset whose builds are all gone keeps its row, with the time in `withdrawn_at`.
    """

    # Every dataset has a feedstock. The databases leave out an outer join if a statement does not need its columns.
    __table__ = (
        DATASETS.outerjoin(_feedstock, _feedstock.c.id == DATASETS.c.feedstock_id)
        .outerjoin(_bakery, _bakery.c.id == DATASETS.c.bakery_id)
        .outerjoin(_metadata, _metadata.c.feedstock_id == DATASETS.c.feedstock_id)
        .outerjoin(_described, _described.c.dataset_id == DATASETS.c.id)
        .outerjoin(_opened, is_about_url(_opened))
        .outerjoin(_health, is_about_url(_health))
    )
    __mapper_args__ = {
        "include_properties": [
            *(*DATASETS.columns, _feedstock.c.spec, _bakery.c.name, _bakery.c.region, _metadata.c.license),
            *(_described.c.time_start, _described.c.time_end, _opened.c.engine, _opened.c.consolidated),
            _health.c.healthy,
        ],
        "primary_key": [DATASETS.c.id],
    }

    noun = "dataset"
    filters: ClassVar[dict[str, Filter]] = {
        "feedstock": names_repository("feedstock"),
        "since": since("last_build"),
        "until": until("last_build"),
        "include_withdrawn": is_unset_unless("withdrawn_at"),
        "q": Filter(lambda columns, _name, _form: contains_words(columns["id"])),
        "variable": Filter(lambda columns, name, _form: has_token(columns["id"], name)),
        "keyword": Filter(lambda columns, name, _form: has_token(columns["id"], name)),
        "format": Filter(_has_format, _engines),
        "bbox": Filter(lambda _columns, name, _form: overlaps(_edges, name)),
        "datetime": Filter(lambda columns, name, _form: lasts(columns["time_start"], columns["time_end"], name)),
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
    own_title: Mapped[str | None] = column_property(DATASETS.c.title)
    own_description: Mapped[str | None] = column_property(DATASETS.c.description)
    title: Mapped[str | None] = column_property(func.coalesce(DATASETS.c.title, _metadata.c.title))
    description: Mapped[str | None] = column_property(func.coalesce(DATASETS.c.description, _metadata.c.description))
    keywords: Mapped[list[str]] = column_property(func.coalesce(_metadata.c.keywords, _EMPTY))
    variables: Mapped[list[str]] = column_property(func.coalesce(_described.c.variable_names, _EMPTY))
    bbox: Mapped[list[float] | None] = column_property(case((_edges[0].is_not(None), json_array(*_edges))))
    license: Mapped[str | None] = column_property(_metadata.c.license)
    format: Mapped[str | None] = column_property(_FORMAT)
    time_start: Mapped[datetime | None] = column_property(_described.c.time_start)
    time_end: Mapped[datetime | None] = column_property(_described.c.time_end)
    healthy: Mapped[bool | None] = column_property(_health.c.healthy)
    engine: Mapped[str | None] = column_property(_opened.c.engine)
    consolidated: Mapped[bool | None] = column_property(_opened.c.consolidated)

    @hybrid_property
    def snippet(self) -> str | None:
        return Opening(self.dataset_type, self.url, self.snapshot_id, self.engine, self.consolidated).snippet

    @snippet.inplace.expression
    @classmethod
    def _select_snippet(cls) -> ColumnElement[str | None]:
        known = json_array(cls.dataset_type, cls.url, cls.snapshot_id, cls.engine, cls.consolidated)
        return type_coerce(known, _Snippet)


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


def same_key(values: dict[str, Any]) -> list[ColumnElement[bool]]:
    """The conditions for the row of DATASETS that has the KEY in `values`. Merged datasets do not match."""
    key = [DATASETS.c[name].is_not_distinct_from(values[name]) for name in KEY]
    return [*key, DATASETS.c.merged_into.is_(None)]


def is_link(url: str) -> bool:
    """Whether `url` may become a link: not if a browser would run it as a script.

    A browser ignores some characters of a url (https://url.spec.whatwg.org/#url-parsing). A regular expression would
    take ten times as long to remove them, a quarter of the time for the Intake catalogue.
    """
    seen = url.lstrip(IGNORED).replace("\t", "").replace("\n", "").replace("\r", "")
    return not seen.lower().startswith(SCRIPTS)
