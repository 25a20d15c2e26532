"""Feedstocks: the repositories that contain recipes, and the datasets that those recipes built."""

from functools import partial
from typing import Any

from flask import Response

from app.database import pages, rows
from app.database.filters import with_parent
from app.database.pages import Page
from app.models import Feedstock, RecipeRun
from app.schemas.common import Ok
from app.schemas.feedstocks import (
    FeedstockCreate,
    FeedstockDataset,
    FeedstockDatasetQuery,
    FeedstockDetail,
    FeedstockQuery,
    FeedstockRead,
    FeedstockUpdate,
)
from app.schemas.recipe_runs import RecipeRunQuery, RecipeRunRead
from app.services import datasets, feedstocks, records
from app.web import documents
from app.web.auditing import Written
from app.web.auth import Caller, actor
from app.web.blueprint import LOCATION, Blueprint, created
from app.web.json import json_serialiser
from app.web.preconditions import require_match

# Feedstocks that the example catalogue does not have.
NEW_FEEDSTOCK = {"spec": "pangeo-forge/example-feedstock", "provider": "github"}
RENAMED_FEEDSTOCK = {"spec": "pangeo-forge/renamed-feedstock"}

blp = Blueprint("feedstocks", __name__, url_prefix="/feedstocks", description="The repositories that contain recipes.")


@blp.route("/", methods=["GET"], caller=Caller.PUBLIC)
@blp.paged(FeedstockQuery, FeedstockRead, description="A page of feedstocks.")
def list_feedstocks(query: dict[str, Any]) -> Page:
    """List feedstocks

    Those that are in use, ordered by id, or by the field `order_by`. To read the whole list, follow the links of the
    header `Link`. `spec` accepts the forms that a creation accepts, in any case, and also former names.
    """
    return pages.read_page(Feedstock, **query)


@blp.route("/", methods=["POST"], caller=Caller.WRITER)
@blp.arguments(FeedstockCreate, example=NEW_FEEDSTOCK)
@blp.response(201, FeedstockRead, description="The new feedstock.", headers=LOCATION)
@blp.alt_response(200, schema=FeedstockRead, description="The feedstock existed already.", success=True)
@blp.alt_response(409, "CONFLICT")
def create_feedstock(values: dict[str, Any]) -> Written:
    """Create a feedstock

    One repository is one feedstock. If the feedstock exists, also with the name in another case or after a rename, the
    answer is that feedstock with 200, so that a retry is safe.
    """
    feedstock, new = feedstocks.create(values, actor())
    return created(feedstock, new)


@blp.route("/<id:id>", methods=["GET"], caller=Caller.PUBLIC)
@blp.response(200, FeedstockDetail, description="The feedstock with its runs.")
def get_feedstock(id: int) -> Response:
    """Get a feedstock

    The answer contains all recipe runs of the feedstock, ordered by id.
    """
    return documents.answer(Feedstock, FeedstockDetail, id)


@blp.route("/<id:id>/recipe_runs", methods=["GET"], caller=Caller.PUBLIC)
@blp.paged(RecipeRunQuery, RecipeRunRead, description="A page of the feedstock's runs.")
def list_feedstock_recipe_runs(query: dict[str, Any], id: int) -> Page:
    """List the recipe runs of a feedstock

    The list has the parameters of `/recipe_runs/`.
    """
    rows.require(Feedstock, id)
    return pages.read_page(RecipeRun, **with_parent(query, feedstock_id=id))


@blp.route("/<id:id>", methods=["PATCH"], caller=Caller.WRITER)
@blp.arguments(FeedstockUpdate, example=RENAMED_FEEDSTOCK)
@blp.response(200, FeedstockRead, description="The updated feedstock.")
@blp.alt_response(409, "CONFLICT")
def update_feedstock(values: dict[str, Any], id: int) -> Written:
    """Update a feedstock

    Sets the fields of the request (RFC 7396). After a new `spec`, the former name still leads to this feedstock. With
    `retired_at` the feedstock is retired: lists hide it unless the client asks for `include_retired`, and it gets no
    new runs. Everything else stays. Null ends the retirement.
    """
    feedstock = records.get(Feedstock, id, to_write=True)
    require_match(feedstock, FeedstockDetail)
    changed = feedstocks.update(feedstock, values, actor())
    return Written(feedstock, [id], changed=changed)


@blp.route("/<id:id>", methods=["DELETE"], caller=Caller.WRITER)
@blp.response(200, Ok, description="The feedstock is deleted.")
@blp.alt_response(409, "CONFLICT")
def delete_feedstock(id: int) -> Written:
    """Delete a feedstock

    A feedstock that has recipe runs or datasets cannot be deleted: the answer is 409 with their count. It can be
    retired (PATCH).
    """
    feedstock = records.get(Feedstock, id, to_write=True)
    require_match(feedstock, FeedstockDetail)
    feedstocks.delete(feedstock)
    return Written({"ok": True}, [id])


@blp.route("/<id:id>/datasets", methods=["GET"], caller=Caller.PUBLIC)
@blp.arguments(FeedstockDatasetQuery, location="query")
@blp.response(200, FeedstockDataset(many=True), description="The builds, ordered by run id.")
def list_feedstock_datasets(query: dict[str, Any], id: int) -> Response:
    """List the builds of a feedstock's datasets

    For compatibility with the original this is a list of builds, not of datasets: one record for each completed and
    successful run with a public url. All builds of one recipe are one dataset; `/datasets/` lists datasets.
    """
    rows.require(Feedstock, id)
    shown = json_serialiser(FeedstockDataset)
    return documents.of_batches(shown, partial(datasets.of_feedstock, id, shown.columns, query))
