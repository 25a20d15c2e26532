"""The texts by which datasets are found, and the datasets whose texts have changed since they were indexed.

Both databases index the same tokens: the texts are brought into one form before they are stored
(`app.services.search_documents`).
"""

from sqlalchemy import (
    ColumnElement,
    ForeignKey,
    FromClause,
    Index,
    Integer,
    Text,
    bindparam,
    cast,
    column,
    literal_column,
    table,
    text,
)
from sqlalchemy.dialects.postgresql import TSQUERY, TSVECTOR
from sqlalchemy.orm import Mapped, mapped_column

from app.database.columns import BIG_ID
from app.extensions import db


class DatasetSearch(db.Model):
    """`document` has the tokens of a dataset, separated by blanks. `names` are its recipe, feedstock and url.

    On SQLite, triggers keep the index `dataset_search_index` up to date, a virtual table of FTS5.
    """

    __tablename__ = "dataset_search"
    __table_args__ = (
        # As an expression, which Alembic does not compare on SQLite (`app.database.indexes`).
        Index("ix_dataset_search_document", text("document"), postgresql_using="gin").ddl_if(dialect="postgresql"),
    )

    dataset_id: Mapped[int] = mapped_column(ForeignKey("dataset.id", ondelete="CASCADE"), primary_key=True)
    document: Mapped[str] = mapped_column(Text().with_variant(TSVECTOR(), "postgresql"))
    names: Mapped[str] = mapped_column(Text)


class DatasetSearchQueue(db.Model):
    """A dataset whose texts may have changed. Triggers of the database add rows, whichever program has changed them.

    Rows are only added and deleted, so that writers neither wait for each other nor for the indexing.
    """

    __tablename__ = "dataset_search_queue"
    __table_args__ = ({"sqlite_autoincrement": True},)

    id: Mapped[int] = mapped_column(BIG_ID, primary_key=True)
    dataset_id: Mapped[int]


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
    return document.op("@@", is_comparison=True)(cast(bindparam(name, type_=Text), TSQUERY))
