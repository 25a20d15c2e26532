"""Flask extensions, unbound; `create_app` binds them."""

from pathlib import Path
from typing import Any, ClassVar

from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import MetaData
from sqlalchemy.orm import DeclarativeBase

# The names PostgreSQL gives by itself, so that an adopted database and a fresh one have the same constraints.
NAMING_CONVENTION = {
    "pk": "%(table_name)s_pkey",
    "fk": "%(table_name)s_%(column_0_N_name)s_fkey",
    "uq": "%(table_name)s_%(column_0_N_name)s_key",
    "ck": "%(table_name)s_%(constraint_name)s_check",
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
}
MIGRATIONS = Path(__file__).parent.parent / "migrations"


class Base(DeclarativeBase):
    """Every model. `filters` are what its lists may be narrowed down to besides columns (`app.database.filters`)."""

    metadata = MetaData(naming_convention=NAMING_CONVENTION)
    filters: ClassVar[dict[str, Any]] = {}

    @classmethod
    def kept_count(cls, filters: dict[str, Any]) -> int | None:
        """How many rows fit `filters`, if the model keeps counts that say so."""
        return None


db = SQLAlchemy(model_class=Base, session_options={"expire_on_commit": False})
