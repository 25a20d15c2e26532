"""Bakeries: the compute environments that run recipes."""

from typing import Any

from flask import Response

from app.database import pages, rows
from app.database.filters import with_parent
from app.database.pages import Page
from app.models import Bakery, RecipeRun
from app.schemas.bakeries import BakeryCreate, BakeryDetail, BakeryQuery, BakeryRead, BakeryUpdate
from app.schemas.common import Ok
from app.schemas.recipe_runs import RecipeRunQuery, RecipeRunRead
from app.services import records
from app.web import documents
from app.web.auditing import Written
from app.web.auth import Caller, actor
from app.web.blueprint import LOCATION, Blueprint, created
from app.web.preconditions import require_match

# A bakery that the example catalogue does not have.
NEW_BAKERY = {"region": "eu-west-1", "name": "example-bakery", "description": "Operated by the authors of the example."}

blp = Blueprint("bakeries", __name__, url_prefix="/bakeries", description="The compute environments that run recipes.")


@blp.route("/", methods=["GET"], caller=Caller.PUBLIC)
@blp.paged(BakeryQuery, BakeryRead, description="A page of bakeries.")
def list_bakeries(query: dict[str, Any]) -> Page:
    """List bakeries

    Those that are in use, ordered by id, or by the field `order_by`. To read the whole list, follow the links of the
    header `Link`.
    """
    return pages.read_page(Bakery, **query)


@blp.route("/", methods=["POST"], caller=Caller.WRITER)
@blp.arguments(BakeryCreate, example=NEW_BAKERY)
@blp.response(201, BakeryRead, description="The new bakery.", headers=LOCATION)
@blp.alt_response(
    200, schema=BakeryRead, description="The bakery existed already, with the same content.", success=True
)
@blp.alt_response(409, "CONFLICT")
def create_bakery(values: dict[str, Any]) -> Written:
    """Create a bakery

    Names are unique. If a bakery with this name and the same content exists, the answer is that bakery with 200, so
    that a retry is safe. If its content differs, the answer is 409.
    """
    bakery, new = records.create(Bakery, values, actor())
    return created(bakery, new)


@blp.route("/<id:id>", methods=["GET"], caller=Caller.PUBLIC)
@blp.response(200, BakeryDetail, description="The bakery with its runs.")
def get_bakery(id: int) -> Response:
    """Get a bakery

    The answer contains all recipe runs of the bakery, ordered by id.
    """
    return documents.answer(Bakery, BakeryDetail, id)


@blp.route("/<id:id>/recipe_runs", methods=["GET"], caller=Caller.PUBLIC)
@blp.paged(RecipeRunQuery, RecipeRunRead, description="A page of the bakery's runs.")
def list_bakery_recipe_runs(query: dict[str, Any], id: int) -> Page:
    """List the recipe runs in a bakery

    The list has the parameters of `/recipe_runs/`.
    """
    rows.require(Bakery, id)
    return pages.read_page(RecipeRun, **with_parent(query, bakery_id=id))


@blp.route("/<id:id>", methods=["PATCH"], caller=Caller.WRITER)
@blp.arguments(BakeryUpdate, example={"description": "Operated by LDEO."})
@blp.response(200, BakeryRead, description="The updated bakery.")
@blp.alt_response(409, "CONFLICT")
def update_bakery(values: dict[str, Any], id: int) -> Written:
    """Update a bakery

    Sets the fields of the request (RFC 7396). With `retired_at` the bakery is retired: lists hide it unless the client
    asks for `include_retired`, and it gets no new runs. Everything else stays. Null ends the retirement.
    """
    bakery = records.get(Bakery, id, to_write=True)
    require_match(bakery, BakeryDetail)
    changed = records.update(bakery, values, actor())
    return Written(bakery, [id], changed=changed)


@blp.route("/<id:id>", methods=["DELETE"], caller=Caller.WRITER)
@blp.response(200, Ok, description="The bakery is deleted.")
@blp.alt_response(409, "CONFLICT")
def delete_bakery(id: int) -> Written:
    """Delete a bakery

    A bakery that has recipe runs cannot be deleted: the answer is 409 with their count. It can be retired (PATCH).
    The secret of its webhooks is deleted with it. API keys keep its scope.
    """
    bakery = records.get(Bakery, id, to_write=True)
    require_match(bakery, BakeryDetail)
    records.delete(bakery)
    return Written({"ok": True}, [id])
