"""The Flask extension for the database, and the base of all models. `create_app` binds them to the application."""

from pathlib import Path
from typing import Any, ClassVar

from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import MetaData
from sqlalchemy.orm import DeclarativeBase

# The names that PostgreSQL gives by default, so that an adopted database and a new one have the same constraints.
NAMING_CONVENTION = {
    "pk": "%(table_name)s_pkey",
    "fk": "%(table_name)s_%(column_0_N_name)s_fkey",
    "uq": "%(table_name)s_%(column_0_N_name)s_key",
    "ck": "%(table_name)s_%(constraint_name)s_check",
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
}
MIGRATIONS = Path(__file__).parent.parent / "migrations"


class Base(DeclarativeBase):
    """The base of every model.

    `filters` are the filters of its lists besides columns (`app.database.filters`). `computed` are the hybrid
    properties that its JSON has besides columns.
    """

    metadata = MetaData(naming_convention=NAMING_CONVENTION)
    computed: ClassVar[tuple[str, ...]] = ()
    filters: ClassVar[dict[str, Any]] = {}

    @classmethod
    def kept_count(cls, filters: dict[str, Any]) -> int | None:
        """The number of rows that match `filters`; None if the model keeps no count for them."""
        return None


db = SQLAlchemy(model_class=Base, session_options={"expire_on_commit": False})
