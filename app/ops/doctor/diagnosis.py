"""What all checks of the doctor share."""

from typing import Any

from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from app.extensions import db


class DiagnosisError(Exception):
    """What is wrong and how to fix it, in a sentence or two."""


def cause(error: SQLAlchemyError) -> str:
    return " ".join(str(getattr(error, "orig", None) or error).split()).rstrip("?.")


def is_postgresql() -> bool:
    return db.engine.dialect.name == "postgresql"


def rows(query: str, **values: Any) -> list[Any]:
    return list(db.session.execute(text(query), values))


def listed(items: list[str]) -> str:
    return ", ".join(sorted(items))
