"""What a list may be narrowed down to: any column of its model, and what the model declares in `filters`."""

from collections.abc import Callable
from functools import cache
from typing import Any, NamedTuple

from sqlalchemy import BindParameter, Column, ColumnElement, Select, String, bindparam, collate, func, inspect, select
from sqlalchemy.sql.base import ReadOnlyColumnCollection

from app.database.columns import KEY_LENGTH, LongText
from app.database.statements import fetch
from app.extensions import Base, db

ONE, MANY = 1, 2
# The names of filters, each with whether its list has ONE value or MANY; of a flag, whether it is set.
FilterKey = tuple[tuple[str, int], ...]
Columns = ReadOnlyColumnCollection[str, Column[Any]]


class Filter(NamedTuple):
    """A filter that is no column: its condition for the columns of the model, its name and its part of the key.

    `values` finds, before the list is read, what the parameter of the condition is for the value that was given.
    """

    condition: Callable[[Columns, str, int], ColumnElement[bool]]
    values: Callable[[Columns, Any], Any] = lambda _columns, given: given


def since(column: str) -> Filter:
    """That the time in `column` is the given one or later."""
    return Filter(lambda columns, name, _: columns[column] >= bindparam(name))


def until(column: str) -> Filter:
    """That the time in `column` is before the given one."""
    return Filter(lambda columns, name, _: columns[column] < bindparam(name))


def is_given(column: str) -> Filter:
    """That there is a value in `column`, or that there is none."""
    return Filter(
        lambda columns, _, wanted: key(columns[column]).is_not(None) if wanted else key(columns[column]).is_(None)
    )


def contains(column: str) -> Filter:
    """That the text in `column`, which has few distinct values, contains the given text in upper or lower case."""
    return Filter(
        lambda columns, name, form: _one_of(columns[column], name, form),
        lambda columns, given: _containing(columns[column], given),
    )


def parametrise(model: type[Base], filters: dict[str, Any]) -> tuple[FilterKey, dict[str, Any]]:
    """The key of `filters`, for which `conditions` are made once, and the values of the parameters of those."""
    columns = inspect(model).columns
    filter_key: list[tuple[str, int]] = []
    values: dict[str, Any] = {}
    for name, given in filters.items():
        value = model.filters[name].values(columns, given) if name in model.filters else given
        if isinstance(value, list) and len(value) == 1:
            filter_key.append((name, ONE))
            (values[name],) = value
        elif isinstance(value, list):
            filter_key.append((name, MANY))
            values |= {name: value, _beginnings(name): [str(text)[:KEY_LENGTH] for text in value]}
        else:
            filter_key.append((name, value is not False))
            values[name] = value
    return tuple(filter_key), values


def conditions(model: type[Base], filter_key: FilterKey) -> list[ColumnElement[bool]]:
    """What rows have to meet. Raises KeyError for a name that the model neither declares nor has as a column."""
    columns = inspect(model).columns
    return [
        model.filters[name].condition(columns, name, form)
        if name in model.filters
        else _one_of(columns[name], name, form)
        for name, form in filter_key
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


def _containing(column: Column[str], text: str) -> list[str]:
    return [value for value in _distinct(column) if text.casefold() in value.casefold()]


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
