"""The query string of a page, which has the parameters of the API call that the page shows."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from flask import request, url_for
from marshmallow import Schema

from app.dashboard.ranges import absolute, resolved
from app.database import pages
from app.database.pages import Page
from app.extensions import Base
from app.schemas.base import LIMIT_MAX
from app.schemas.fields import ESCAPE, SEPARATED
from app.schemas.serialiser import Serialiser
from app.web.links import parameters_except, with_prefix, with_query
from app.web.pagination import read_page
from app.web.parser import Parser

Arguments = Iterable[tuple[str, Any]]

POSITION = ("cursor", "offset")  # parameters that a link to another order must drop
ORDER = ("order_by", "sort")
PAGE_ONLY = (*POSITION, "limit", "count", "fields")  # parameters that say which part of a list a page shows
FORMS = ("csv", "ndjson")  # of a list as a file (app/dashboard/downloads.py)
_parser = Parser()


@dataclass(frozen=True)
class Listing:
    """A page with a list of the API. `defaults` are the query parameters whose default differs from that of the API.

    Its files have the fields of `file`, as CSV in these `columns`.
    """

    endpoint: str
    query: Schema
    serialiser: Serialiser
    read: Callable[..., Page]
    defaults: dict[str, Any]
    file: Serialiser
    columns: tuple[str, ...]
    ranked: bool = False  # whether the best hits of a search are first

    def defaults_of_request(self) -> dict[str, Any]:
        """Return `defaults` without the order, if the request searches a list whose best hits are first."""
        searched = self.ranked and "q" in request.args
        return {name: value for name, value in self.defaults.items() if not (searched and name in ORDER)}

    def values(self) -> dict[str, Any]:
        """Return the query of the request."""
        return parse_query(self.query, self.defaults_of_request())

    def context(self) -> dict[str, Any]:
        """Return the variables of the template for the request."""
        values = self.values()
        query = {name: value for name, value in values.items() if name != "fields"} | {
            "columns": self.serialiser.columns
        }
        page, links = read_page(lambda query: self.read(**query), query, self.endpoint)
        return {
            "items": self.serialiser.rows(page.rows),
            "total": page.total,
            "pages": links,
            "order": (values["order_by"], values["sort"]),
            "limit": values["limit"],
            "sort_link": sort_link,
            "args": request.args,
            "downloads": {form: _file_link(form) for form in FORMS},
            "calls": [api_path(self.endpoint, query_items(self.defaults_of_request()))],
        }


def parse_query(schema: Schema, defaults: dict[str, Any]) -> dict[str, Any]:
    """Return the query of the request. `defaults` take precedence over the defaults of `schema`. Raises 422."""
    values: dict[str, Any] = _parser.parse(schema, request, location="query")
    return resolved(values) | {name: value for name, value in defaults.items() if name not in request.args}


def query_items(defaults: dict[str, Any]) -> list[tuple[str, str]]:
    """Return the query parameters of the request as the API reads them, with `defaults` for the missing ones."""
    missing = [(name, str(value).lower()) for name, value in defaults.items() if name not in request.args]
    return [*missing, *((name, absolute(name, value)) for name, value in request.args.items(multi=True))]


def api_path(endpoint: str, arguments: Arguments = (), **path: Any) -> str:
    """Return the path and the query string of `endpoint`."""
    return with_query(url_for(endpoint, **path), arguments)


def page_path() -> str:
    """Return the path of this page, the same with and without a slash at its end."""
    return with_prefix(request.path).rstrip("/")


def escaped(value: Any) -> str:
    """Return one value of a parameter that separates values by commas."""
    return str(value).replace("\\", r"\\").replace(",", r"\,")


def joined(values: Iterable[Any]) -> str | None:
    """Return the values of a parameter that separates values by commas; None if there are none."""
    return ",".join(escaped(value) for value in values) or None


def separated(text: str) -> list[str]:
    """Return the values in the text of a parameter that separates values by commas."""
    return [ESCAPE.sub(r"\1", part) for part in SEPARATED.findall(f"{text},")]


def sort_link(name: str, order: tuple[str, str], first: str = "asc") -> str:
    """Return the url of this page ordered by `name`, in reverse order if `name` orders it already."""
    direction = {"asc": "desc", "desc": "asc"}[order[1]] if order[0] == name else first
    others = parameters_except(*ORDER, *POSITION)
    return with_query(page_path(), [*others, ("order_by", name), ("sort", direction)])


def _file_link(form: str) -> str:
    """Return the url of this list as a file."""
    return with_query(f"{page_path()}.{form}", parameters_except(*PAGE_ONLY))


def choices(model: type[Base], name: str) -> list[tuple[str, str]]:
    """Return ids and names of the records of `model` for a `select`, ordered by `name`, the column with the names."""
    page = pages.read_page(model, columns=("id", name), limit=LIMIT_MAX, order_by=name, sort="asc")
    return [(str(row[0]), row[1]) for row in page.rows]
