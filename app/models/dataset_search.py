"""The texts by which datasets are found, and the datasets whose texts have changed since they were indexed.

Both databases index the same tokens: the texts are brought into one form before they are stored
(`app.services.search_documents`).
"""

from datetime import datetime

from sqlalchemy import (
    Boolean,
    ColumnElement,
    CompoundSelect,
    Float,
    ForeignKey,
    FromClause,
    Index,
    Integer,
    Select,
    SmallInteger,
    Text,
    and_,
    bindparam,
    cast,
    column,
    func,
    literal_column,
    or_,
    select,
    table,
    text,
)
from sqlalchemy.dialects.postgresql import TSQUERY, TSVECTOR
from sqlalchemy.orm import Mapped, mapped_column

from app.database.columns import BIG_ID, UTCDateTime
from app.extensions import db


class DatasetSearch(db.Model):
    """`document` has the tokens of a dataset, separated by blanks. `names` are its recipe, feedstock and url.

    `version` is that of the tokens: a release that has others indexes older documents again. During an upgrade, the
    release before may still index datasets.

    On SQLite, triggers keep the index `dataset_search_index` up to date, a virtual table of FTS5.
    """

    __tablename__ = "dataset_search"
    __table_args__ = (
        # As an expression, which Alembic does not compare on SQLite (`app.database.indexes`).
        Index("ix_dataset_search_document", text("document"), postgresql_using="gin").ddl_if(dialect="postgresql"),
        Index(None, "version", "dataset_id"),
    )

    dataset_id: Mapped[int] = mapped_column(ForeignKey("dataset.id", ondelete="CASCADE"), primary_key=True)
    document: Mapped[str] = mapped_column(Text().with_variant(TSVECTOR(), "postgresql"))
    names: Mapped[str] = mapped_column(Text)
    version: Mapped[int] = mapped_column(SmallInteger, server_default="0")


class DatasetSearchQueue(db.Model):
    """A dataset whose texts may have changed. Triggers of the database add rows, whichever program has changed them.

    Rows are only added and deleted, so that writers neither wait for each other nor for the indexing.
    """

    __tablename__ = "dataset_search_queue"
    __table_args__ = ({"sqlite_autoincrement": True},)

    id: Mapped[int] = mapped_column(BIG_ID, primary_key=True)
    dataset_id: Mapped[int] = mapped_column(index=True)


BY_RANK = "rank"  # the order of what a query finds, best first

# What is searched on SQLite.
_FTS5 = table("dataset_search_index", column("rowid", Integer))


def index(dialect: str) -> tuple[FromClause, ColumnElement[int]]:
    """The table whose rows `matches` finds, and its column with the id of the dataset."""
    if dialect == "sqlite":
        return _FTS5, _FTS5.c.rowid
    return DatasetSearch.__table__, DatasetSearch.__table__.c.dataset_id


def matches(dialect: str, name: str) -> ColumnElement[bool]:
    """The condition that a row of `index` matches the parameter `name`, a query in the syntax of the database."""
    if dialect == "sqlite":
        return literal_column(_FTS5.name).op("MATCH", is_comparison=True)(bindparam(name))
    document = DatasetSearch.__table__.c.document
    found: ColumnElement[bool] = document.op("@@", is_comparison=True)(cast(bindparam(name, type_=Text), TSQUERY))
    return found


def has_token(dataset_id: ColumnElement[int], name: str) -> ColumnElement[bool]:
    """The condition that the document of a dataset has the token `:name`."""
    dialect = db.engine.dialect.name
    _, number = index(dialect)
    return is_one_of(dataset_id, select(number).where(matches(dialect, name)))


def is_one_of(dataset_id: ColumnElement[int], found: Select[int] | CompoundSelect[int]) -> ColumnElement[bool]:
    """Like IN, but the database finds these ids first. PostgreSQL cannot turn an array into a join, in which it would
    guess that no word is rare.
    """
    if db.engine.dialect.name == "sqlite":
        return dataset_id.in_(found)
    return dataset_id == func.any(func.array(found.scalar_subquery()))


def contains_words(dataset_id: ColumnElement[int]) -> ColumnElement[bool]:
    """The condition that a dataset matches `:q_words`, or `:q_part` and its names match `:q_names`.

    The parameters are those of `app.services.search_queries.conditions_of`.
    """
    dialect = db.engine.dialect.name
    source, number = index(dialect)
    if dialect == "sqlite":
        source = source.join(DatasetSearch.__table__, DatasetSearch.dataset_id == number)
    named = DatasetSearch.names.like(bindparam("q_names"), escape="\\")
    by_names = select(number).select_from(source).where(matches(dialect, "q_part"), named)
    return or_(has_token(dataset_id, "q_words"), is_one_of(dataset_id, by_names))


def overlaps(edges: list[ColumnElement[float]], name: str) -> ColumnElement[bool]:
    """The condition that the box with those edges (west, south, east, north) and that of the parameters overlap.

    The west of a box is larger than its east if it crosses 180 degrees of longitude. `:name_crosses` says whether that
    of the parameters does.
    """
    west, south, east, north = edges
    asked = {edge: bindparam(f"{name}_{edge}", type_=Float) for edge in ("west", "south", "east", "north")}
    crosses = bindparam(f"{name}_crosses", type_=Boolean)
    begins, ends = west <= asked["east"], east >= asked["west"]
    longitudes = or_(
        and_(begins, ends),
        and_(or_(west > east, crosses), or_(begins, ends)),
        and_(west > east, crosses),
    )
    return and_(south <= asked["north"], north >= asked["south"], longitudes)


def lasts(start: ColumnElement[datetime], end: ColumnElement[datetime], name: str) -> ColumnElement[bool]:
    """The condition that the times from `start` to `end` and those of the parameters have one in common."""
    first, last = (bindparam(f"{name}_{edge}", type_=UTCDateTime()) for edge in ("start", "end"))
    return and_(start <= last, end >= first)
