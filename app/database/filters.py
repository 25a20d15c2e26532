"""What a list may be narrowed down to."""

from collections.abc import Callable
from functools import cache
from typing import Any

from sqlalchemy import BindParameter, Column, ColumnElement, Select, String, bindparam, collate, func, inspect, select

from app.database.columns import KEY_LENGTH, LongText
from app.database.statements import fetch
from app.extensions import Base, db
from app.models import AuditEntry, RecipeRun

ONE, MANY = 1, 2
# The names of filters, each with whether its list has ONE value or MANY; of a flag, whether it is set.
Shape = tuple[tuple[str, int], ...]


def bind(filters: dict[str, Any]) -> tuple[Shape, dict[str, Any]]:
    """The shape of `filters`, for which `conditions` are made once, and the values of the parameters of those."""
    shape: list[tuple[str, int]] = []
    values: dict[str, Any] = {}
    for name, given in filters.items():
        value = _recipe_ids_with(given) if name == "q" else given
        if isinstance(value, list) and len(value) == 1:
            shape.append((name, ONE))
            (values[name],) = value
        elif isinstance(value, list):
            shape.append((name, MANY))
            values |= {name: value, _beginnings(name): [str(text)[:KEY_LENGTH] for text in value]}
        else:
            shape.append((name, value is not False))
            values[name] = value
    return tuple(shape), values


def conditions(model: type[Base], shape: Shape) -> list[ColumnElement[bool]]:
    """What rows have to meet: for the name of a column one of a list of values, else what NAMED says."""
    return [
        NAMED[name](name, form) if name in NAMED else _one_of(inspect(model).columns[name], name, form)
        for name, form in shape
    ]


def among(column: ColumnElement[Any], name: str, form: int) -> ColumnElement[bool]:
    """That the column has the value, or one of the values, of the filter with that name."""
    parameter: BindParameter[Any] = bindparam(name, type_=column.type, expanding=form == MANY)
    return column.in_(parameter) if form == MANY else column == parameter


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


def _one_of(column: Column[Any], name: str, form: int) -> ColumnElement[bool]:
    if not isinstance(column.type, LongText):
        return among(key(column), name, form)
    if form == MANY:
        return among(key(column), _beginnings(name), form) & among(column, name, form)
    return (key(column) == func.substr(bindparam(name), 1, KEY_LENGTH, type_=String())) & among(column, name, form)


def _beginnings(name: str) -> str:
    """The parameter for what the index has of long text."""
    return f"{name}_beginnings"


def _has_dataset(_name: str, wanted: int) -> ColumnElement[bool]:
    url = key(inspect(RecipeRun).columns["dataset_public_url"])
    return url.is_not(None) if wanted else url.is_(None)


def _recipe_ids_with(text: str) -> list[str]:
    recipe_id = inspect(RecipeRun).columns["recipe_id"]
    return [value for value in _distinct(recipe_id) if text.casefold() in value.casefold()]


def _distinct(column: Column[str]) -> list[str]:
    """The values of `column`, of which there are few, from one to the next along its index.

    Neither database skips to the next value by itself (https://wiki.postgresql.org/wiki/Loose_indexscan).
    """
    return [value for (value,) in fetch(_distinct_values(column, db.engine.dialect.name)) if value is not None]


@cache
def _distinct_values(column: Column[str], _dialect: str) -> Select[Any]:
    value = key(column)
    found = select(func.min(value).label("value")).cte("found", recursive=True)
    after = select(func.min(value)).where(value > found.c.value).scalar_subquery()
    found = found.union_all(select(after).where(found.c.value.is_not(None)))
    return select(found.c.value)


NAMED: dict[str, Callable[[str, int], ColumnElement[bool]]] = {
    "started_after": lambda name, _: RecipeRun.started_at >= bindparam(name),
    "started_before": lambda name, _: RecipeRun.started_at < bindparam(name),
    "completed_after": lambda name, _: RecipeRun.completed_at >= bindparam(name),
    "completed_before": lambda name, _: RecipeRun.completed_at < bindparam(name),
    "since": lambda name, _: AuditEntry.at >= bindparam(name),
    "until": lambda name, _: AuditEntry.at < bindparam(name),
    "has_dataset": _has_dataset,
    "q": lambda name, form: _one_of(inspect(RecipeRun).columns["recipe_id"], name, form),
}
