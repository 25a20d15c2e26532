"""Feedstocks: the repositories that recipes live in, and the datasets made from them."""

from typing import Any

from flask import Response

from app.database import pages, rows
from app.database.filters import within
from app.database.pages import Page
from app.models import Feedstock, RecipeRun
from app.schemas.common import Ok
from app.schemas.feedstocks import (
    DatasetQuery,
    FeedstockCreate,
    FeedstockDataset,
    FeedstockDetail,
    FeedstockQuery,
    FeedstockRead,
    FeedstockUpdate,
)
from app.schemas.recipe_runs import RecipeRunQuery, RecipeRunRead
from app.schemas.serialiser import serialiser
from app.services import datasets, records
from app.web import documents
from app.web.auditing import note_change
from app.web.auth import Caller, actor
from app.web.blueprint import LOCATION, Blueprint, created
from app.web.preconditions import require_match

blp = Blueprint("feedstocks", __name__, url_prefix="/feedstocks", description="The repositories that recipes live in.")


@blp.route("/", methods=["GET"], caller=Caller.PUBLIC)
@blp.paged(FeedstockQuery, FeedstockRead, description="A page of feedstocks.")
def list_feedstocks(query: dict[str, Any]) -> Page:
    """List feedstocks

    By id, or by another member with `order_by` and `sort`. Follow the links of the header `Link` to see all of them.
    """
    return pages.read(Feedstock, **query)


@blp.route("/", methods=["POST"], caller=Caller.WRITER)
@blp.arguments(FeedstockCreate)
@blp.response(201, FeedstockRead, description="The new feedstock.", headers=LOCATION)
@blp.alt_response(200, schema=FeedstockRead, description="It was there already.", success=True)
@blp.alt_response(409, "CONFLICT")
def create_feedstock(values: dict[str, Any]) -> Any:
    """Create a feedstock

    Provider and spec together are unique. Creating a feedstock that exists is answered with that feedstock (200), so
    that a retry is safe.
    """
    feedstock, new = records.create(Feedstock, values, actor())
    return created(feedstock, new)


@blp.route("/<id:id>", methods=["GET"], caller=Caller.PUBLIC)
@blp.response(200, FeedstockDetail, description="The feedstock with its runs.")
def get_feedstock(id: int) -> Response:
    """Get a feedstock

    With all its recipe runs, by id.
    """
    return documents.answer(Feedstock, FeedstockDetail, id)


@blp.route("/<id:id>/recipe_runs", methods=["GET"], caller=Caller.PUBLIC)
@blp.paged(RecipeRunQuery, RecipeRunRead, description="A page of the feedstock's runs.")
def list_feedstock_recipe_runs(query: dict[str, Any], id: int) -> Page:
    """List the recipe runs of a feedstock

    As `/recipe_runs/` does, with the same parameters.
    """
    rows.require(Feedstock, id)
    return pages.read(RecipeRun, **within(query, feedstock_id=id))


@blp.route("/<id:id>", methods=["PATCH"], caller=Caller.WRITER)
@blp.arguments(FeedstockUpdate)
@blp.response(200, FeedstockRead, description="The feedstock as it is now.")
@blp.alt_response(409, "CONFLICT")
def update_feedstock(values: dict[str, Any], id: int) -> Feedstock:
    """Update a feedstock

    Sets the members that are sent (RFC 7396).
    """
    feedstock = records.get(Feedstock, id, to_write=True)
    require_match(feedstock, FeedstockDetail)
    note_change(records.update(feedstock, values, actor()))
    return feedstock


@blp.route("/<id:id>", methods=["DELETE"], caller=Caller.WRITER)
@blp.response(200, Ok, description="The feedstock is gone.")
@blp.alt_response(409, "CONFLICT")
def delete_feedstock(id: int) -> dict[str, bool]:
    """Delete a feedstock

    A feedstock that has recipe runs is not deleted: 409 with their count.
    """
    feedstock = records.get(Feedstock, id, to_write=True)
    require_match(feedstock, FeedstockDetail)
    records.delete(feedstock)
    return {"ok": True}


@blp.route("/<id:id>/datasets", methods=["GET"], caller=Caller.PUBLIC)
@blp.arguments(DatasetQuery, location="query")
@blp.response(200, FeedstockDataset(many=True), description="The datasets, by run id.")
def list_feedstock_datasets(query: dict[str, Any], id: int) -> Response:
    """List the datasets of a feedstock

    One for each completed, successful run with a public url.
    """
    rows.require(Feedstock, id)
    shown = serialiser(FeedstockDataset)
    return documents.of_rows(shown, datasets.of_feedstock(id, shown.columns, **query))
