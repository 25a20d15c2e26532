"""The query of a page, which is that of the API call behind it."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from flask import request, url_for
from marshmallow import Schema

from app.database import pages
from app.database.pages import Page
from app.extensions import Base
from app.schemas.base import LIMIT_MAX
from app.schemas.serialiser import Serialiser
from app.web.pagination import read_page
from app.web.parser import Parser

Arguments = Iterable[tuple[str, Any]]

PLACE = ("cursor", "offset")  # where in a list; another order or filter starts anew
_parser = Parser()


@dataclass(frozen=True)
class Listing:
    """A list of the API as a page shows it: `shown` of each record, and `defaults` where the page has its own."""

    endpoint: str
    query: type[Schema]
    shown: Serialiser
    read: Callable[..., Page]
    defaults: dict[str, Any]

    def context(self) -> dict[str, Any]:
        """What the template of the list has to know."""
        values = asked(self.query(), self.defaults)
        query = {name: value for name, value in values.items() if name != "fields"} | {"columns": self.shown.columns}
        page, beside = read_page(lambda query: self.read(**query), query, self.endpoint)
        return {
            "items": self.shown.rows(page.rows),
            "total": page.total,
            "pages": beside,
            "order": (values["order_by"], values["sort"]),
            "limit": values["limit"],
            "ordered": ordered,
            "calls": [call(self.endpoint, given(self.defaults))],
        }


def asked(schema: Schema, defaults: dict[str, Any]) -> dict[str, Any]:
    """What the request asks of a page, and for the rest `defaults`, then those of `schema`; or 422."""
    values: dict[str, Any] = _parser.parse(schema, request, location="query")
    return values | {name: value for name, value in defaults.items() if name not in request.args}


def given(defaults: dict[str, Any]) -> list[tuple[str, str]]:
    """The query of the request, with `defaults` for what it leaves out."""
    own = [(name, str(value).lower()) for name, value in defaults.items() if name not in request.args]
    return [*own, *request.args.items(multi=True)]


def call(endpoint: str, arguments: Arguments = (), **path: Any) -> str:
    """The path of a call of the API."""
    return f"{url_for(endpoint, **path)}?{urlencode(list(arguments))}".removesuffix("?")


def ordered(name: str, order: tuple[str, str], first: str = "asc") -> str:
    """This page ordered by `name`; the other way round if it is already."""
    turned = {"asc": "desc", "desc": "asc"}[order[1]] if order[0] == name else first
    kept = [item for item in request.args.items(multi=True) if item[0] not in ("order_by", "sort", *PLACE)]
    return f"{request.path.rstrip('/')}?{urlencode([*kept, ('order_by', name), ('sort', turned)])}"


def choices(model: type[Base], name: str) -> list[tuple[Any, ...]]:
    """The records of `model` to choose from: their ids and names, by the column that has the names."""
    page = pages.read(model, columns=("id", name), limit=LIMIT_MAX, order_by=name, sort="asc")
    return [tuple(row)[:2] for row in page.rows]
