"""The values by which a list is narrowed, with links that choose and remove them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from flask import request

from app.dashboard.queries import POSITION, joined, page_path, separated
from app.database.names import searchable
from app.web.links import parameters_except, with_query


@dataclass(frozen=True)
class Choice:
    """A value of a filter. `url` is the page with this value, or without it if it is chosen; None if it must stay."""

    text: str
    url: str | None
    chosen: bool
    count: int | None


@dataclass(frozen=True)
class Facet:
    label: str
    choices: Sequence[Choice]


def facet(
    name: str, label: str, values: Iterable[tuple[Any, str, int | None]], default: str = "", *, many: bool = False
) -> Facet:
    """Return the facet of the filter `name`. `values` have a value, its text and how many records have it.

    Values that are chosen but are not among `values` are shown too, so that they can be removed. With `many`, a choice
    is added to those that are chosen.
    """
    chosen = [value for text in request.args.getlist(name) for value in separated(text)] or [default]
    texts = {str(value): (text, count) for value, text, count in values}
    texts |= {value: (value, None) for value in chosen if value and value not in texts}
    kept = [value for value in chosen if many and value != default]
    return Facet(label, [_choice(name, value, chosen, default, kept, *text) for value, text in texts.items()])


def text_facet(name: str, label: str, values: Iterable[tuple[str, str, int | None]] = ()) -> Facet:
    """Return the facet of a filter with one text, in which commas separate nothing and case does not matter."""
    given = request.args.get(name, "")
    chosen = searchable(given) if given else None
    texts = {searchable(value): (value, count) for value, _, count in values}
    if chosen:
        texts.setdefault(chosen, (given, None))
    choices = []
    for folded, (text, count) in texts.items():
        url = link(**{name: None if folded == chosen else text})
        choices.append(Choice(text, url, folded == chosen, count))
    return Facet(label, choices)


def _choice(
    name: str, value: str, chosen: list[str], default: str, kept: list[str], text: str, count: int | None
) -> Choice:
    if value not in chosen:
        return Choice(text, link(**{name: None if value == default else joined([*kept, value])}), False, count)
    left = joined(other for other in chosen if other != value)
    return Choice(text, None if value == default else link(**{name: left}), True, count)


def link(**changes: str | None) -> str:
    """Return the first page of this list with other values of these parameters, without those that are None."""
    added = [(name, value) for name, value in changes.items() if value is not None]
    return with_query(page_path(), [*parameters_except(*changes, *POSITION), *added])
