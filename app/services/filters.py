"""What a list may be narrowed down to."""

from collections.abc import Callable
from typing import Any

from sqlalchemy import Column, ColumnElement, String, collate, func, inspect, select

from app.extensions import Base, db
from app.models import AuditEntry, RecipeRun
from app.models.columns import KEY_LENGTH, LongText


def conditions(model: type[Base], filters: dict[str, Any]) -> list[ColumnElement[bool]]:
    """What rows have to meet: for the name of a column one of a list of values, else what NAMED says."""
    return [
        NAMED[name](value) if name in NAMED else _one_of(inspect(model).columns[name], value)
        for name, value in filters.items()
    ]


def within(filters: dict[str, Any], **parent: int) -> dict[str, Any]:
    """`filters` that narrow a list down to the records of a parent, given by its id, as well."""
    own = {name: [id] if id in filters.get(name, [id]) else [] for name, id in parent.items()}
    return filters | own


def key(column: Column[Any]) -> ColumnElement[Any]:
    """What lists go by for `column`, as its index has it: text by code point, long text by its beginning."""
    if column.type.python_type is not str:
        return column
    text = func.substr(column, 1, KEY_LENGTH, type_=String()) if isinstance(column.type, LongText) else column
    return collate(text, "C") if db.engine.dialect.name == "postgresql" else text


def _one_of(column: Column[Any], values: list[Any]) -> ColumnElement[bool]:
    if isinstance(column.type, LongText):
        return key(column).in_([value[:KEY_LENGTH] for value in values]) & column.in_(values)
    return key(column).in_(values)


def _has_dataset(wanted: bool) -> ColumnElement[bool]:
    url = key(inspect(RecipeRun).columns["dataset_public_url"])
    return url.is_not(None) if wanted else url.is_(None)


def _recipe_id_has(text: str) -> ColumnElement[bool]:
    recipe_id = inspect(RecipeRun).columns["recipe_id"]
    return _one_of(recipe_id, [value for value in _distinct(recipe_id) if text.casefold() in value.casefold()])


def _distinct(column: Column[str]) -> list[str]:
    """The values of `column`, of which there are few, from one to the next along its index.

    Neither database skips to the next value by itself (https://wiki.postgresql.org/wiki/Loose_indexscan).
    """
    value = key(column)
    found = select(func.min(value).label("value")).cte("found", recursive=True)
    after = select(func.min(value)).where(value > found.c.value).scalar_subquery()
    found = found.union_all(select(after).where(found.c.value.is_not(None)))
    return list(db.session.scalars(select(found.c.value).where(found.c.value.is_not(None))))


NAMED: dict[str, Callable[[Any], ColumnElement[bool]]] = {
    "started_after": lambda time: RecipeRun.started_at >= time,
    "started_before": lambda time: RecipeRun.started_at < time,
    "completed_after": lambda time: RecipeRun.completed_at >= time,
    "completed_before": lambda time: RecipeRun.completed_at < time,
    "since": lambda time: AuditEntry.at >= time,
    "until": lambda time: AuditEntry.at < time,
    "has_dataset": _has_dataset,
    "q": _recipe_id_has,
}
