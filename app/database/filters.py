"""Filters of lists: by every column of the model, and by the filters that the model declares in `filters`."""

from collections.abc import Callable
from functools import cache
from typing import Any, NamedTuple

from sqlalchemy import (
    BindParameter,
    Column,
    ColumnElement,
    Select,
    String,
    bindparam,
    collate,
    func,
    inspect,
    select,
    true,
)
from sqlalchemy.sql.base import ReadOnlyColumnCollection

from app.database import id_blocks
from app.database.columns import KEY_LENGTH, LongText
from app.database.names import containing, folded, lower, searchable
from app.database.statements import fetch
from app.extensions import Base, db

ONE, MANY = 1, 2
Columns = ReadOnlyColumnCollection[str, Column[Any]]


class FilterKey(NamedTuple):
    """What the conditions of filters depend on: the database and the forms of values, but not the values themselves.

    It is the key of cached statements. `forms` has the name of each filter, with ONE or MANY for a list of values, or
    else whether the value is not False.
    """

    dialect: str
    forms: tuple[tuple[str, int], ...]


class Filter(NamedTuple):
    """A filter that is not a column. `condition` gets the columns of the model, and a name and form of a FilterKey.

    `parameter` converts the given value to the parameter of the condition, or to a dict of several parameters, whose
    names begin with that of the filter. It may query the database. `range_of` is the column of which the condition
    selects a range. `id_bound` is a condition on ids that follows from the other one, see `app.database.id_blocks`.
    """

    condition: Callable[[Columns, str, int], ColumnElement[bool]]
    parameter: Callable[[Columns, Any], Any] = lambda _columns, given: given
    range_of: str = ""
    id_bound: Callable[[Columns, str], ColumnElement[bool]] | None = None


def since(column: str, *, has_blocks: bool = False) -> Filter:
    """Match rows whose time in `column` is the given time or later. `has_blocks` if it has a `block_index`."""
    bound = (lambda columns, name: id_blocks.begin(columns, column, name)) if has_blocks else None
    return Filter(lambda columns, name, _: columns[column] >= bindparam(name), range_of=column, id_bound=bound)


def until(column: str, *, has_blocks: bool = False) -> Filter:
    """Match rows whose time in `column` is before the given time. `has_blocks` if it has a `block_index`."""
    bound = (lambda columns, name: id_blocks.end(columns, column, name)) if has_blocks else None
    return Filter(lambda columns, name, _: columns[column] < bindparam(name), range_of=column, id_bound=bound)


def is_set(column: str) -> Filter:
    """Match rows with a value in `column`; for false, rows without one."""

    def condition(columns: Columns, _name: str, wanted: int) -> ColumnElement[bool]:
        indexed = index_key(columns[column])
        return indexed.is_not(None) if wanted else indexed.is_(None)

    return Filter(condition)


def is_unset_unless(column: str) -> Filter:
    """Match all rows; for false, only rows without a value in `column`."""
    return Filter(lambda columns, _name, wanted: true() if wanted else columns[column].is_(None))


def contains(column: str) -> Filter:
    """Match rows whose text in `column`, which has few distinct values, contains the given text in any case."""
    return Filter(
        lambda columns, name, form: _matches_indexed(columns[column], name, form),
        lambda columns, given: _values_containing(columns[column], given),
    )


def contains_in_either(name: str, column: str, long_text: str) -> Filter:
    """Match as `contains(column)` does, or rows whose `long_text` contains the given text.

    `name` is that of the filter. The long text has no index, so rows are read until a page is full, and only the case
    of ASCII letters is ignored.
    """

    def condition(columns: Columns, _name: str, _form: int) -> ColumnElement[bool]:
        named = matches(index_key(columns[column]), name, MANY)
        return named | folded(columns[long_text]).like(bindparam(f"{name}_text"), escape="\\")

    def parameters(columns: Columns, given: str) -> dict[str, Any]:
        return {name: _values_containing(columns[column], given), f"{name}_text": containing(lower(given))}

    return Filter(condition, parameters)


def parametrise(model: type[Base], filters: dict[str, Any]) -> tuple[FilterKey, dict[str, Any]]:
    """The key of `filters`, from which `conditions` are built, and the parameters of the conditions."""
    columns = inspect(model).columns
    forms: list[tuple[str, int]] = []
    values: dict[str, Any] = {}
    for name, given in filters.items():
        value = model.filters[name].parameter(columns, given) if name in model.filters else given
        if isinstance(value, list) and len(value) == 1:
            forms.append((name, ONE))
            (values[name],) = value
        elif isinstance(value, list):
            forms.append((name, MANY))
            values |= {name: value, _prefixes(name): [str(text)[:KEY_LENGTH] for text in value]}
        elif isinstance(value, dict):  # a condition with several parameters
            forms.append((name, True))
            values |= value
        else:
            forms.append((name, value is not False))
            values[name] = value
    return FilterKey(db.engine.dialect.name, tuple(forms)), values


def conditions(model: type[Base], filter_key: FilterKey) -> list[ColumnElement[bool]]:
    """The conditions of WHERE. Raises KeyError for a name that is neither a declared filter nor a column."""
    columns = inspect(model).columns
    return [
        model.filters[name].condition(columns, name, form)
        if name in model.filters
        else _matches_indexed(columns[name], name, form)
        for name, form in filter_key.forms
    ]


def id_bounds(model: type[Base], filter_key: FilterKey) -> list[ColumnElement[bool]]:
    """Conditions that follow from `conditions`. A list in the order of ids reads fewer rows with them."""
    columns = inspect(model).columns
    bounds = ((model.filters[name].id_bound, name) for name, _ in filter_key.forms if name in model.filters)
    return [bound(columns, name) for bound, name in bounds if bound]


def is_range_of(model: type[Base], name: str, order_by: str) -> bool:
    """Whether a list in that order has the matching rows side by side, or its index can be read from a bound on."""
    declared = model.filters.get(name)
    return declared is not None and (declared.range_of == order_by or (order_by == "id" and bool(declared.id_bound)))


def matches(column: ColumnElement[Any], name: str, form: int) -> ColumnElement[bool]:
    """The condition that the column equals the parameter `name`, or one of its values if `form` is MANY."""
    parameter: BindParameter[Any] = bindparam(name, type_=column.type, expanding=form == MANY)
    return column.in_(parameter) if form == MANY else column == parameter


def with_parent(filters: dict[str, Any], **parent: int) -> dict[str, Any]:
    """`filters` and the id of a parent, which match nothing if `filters` ask for other parents only."""
    parents = {name: [id] if id in filters.get(name, [id]) else [] for name, id in parent.items()}
    return filters | parents


def index_key(column: Column[Any]) -> ColumnElement[Any]:
    """The expression that the index of `column` contains: text sorted by code point, of long text a prefix."""
    if column.type.python_type is not str:
        return column
    text = func.substr(column, 1, KEY_LENGTH, type_=String()) if isinstance(column.type, LongText) else column
    return collate(text, "C") if db.engine.dialect.name == "postgresql" else text


def _matches_indexed(column: Column[Any], name: str, form: int) -> ColumnElement[bool]:
    """`matches`, in a form that can use the index of the column."""
    indexed = index_key(column)
    if not isinstance(column.type, LongText):
        return matches(indexed, name, form)
    if form == MANY:
        return matches(indexed, _prefixes(name), form) & matches(column, name, form)
    return (indexed == func.substr(bindparam(name), 1, KEY_LENGTH, type_=String())) & matches(column, name, form)


def _prefixes(name: str) -> str:
    """The name of the parameter for the prefixes of long text, which the index contains."""
    return f"{name}_prefixes"


def _values_containing(column: Column[str], text: str) -> list[str]:
    return [value for value in _distinct(column) if searchable(text) in searchable(value)]


def _distinct(column: Column[str]) -> list[str]:
    """The values of `column`, each found in its index as the smallest that is larger than the previous one.

    Neither database skips to the next distinct value by itself (https://wiki.postgresql.org/wiki/Loose_indexscan).
    """
    return [value for (value,) in fetch(_distinct_values(column, db.engine.dialect.name)) if value is not None]


@cache
def _distinct_values(column: Column[str], _dialect: str) -> Select[Any]:
    value = index_key(column)
    found = select(func.min(value).label("value")).cte("found", recursive=True)
    after = select(func.min(value)).where(value > found.c.value).scalar_subquery()
    found = found.union_all(select(after).where(found.c.value.is_not(None)))
    return select(found.c.value)
