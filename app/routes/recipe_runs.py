"""Recipe runs: executions of recipes."""

from typing import Any

from app.auth import Caller
from app.extensions import db
from app.models import RecipeRun
from app.routes.blueprint import LOCATION, Blueprint, created
from app.schemas.common import Ok
from app.schemas.recipe_runs import RecipeRunCreate, RecipeRunDetail, RecipeRunQuery, RecipeRunRead, RecipeRunUpdate
from app.services import records

# What a runner sends first and last.
NEW_RUN = {
    "recipe_id": "gpcp-from-gcs",
    "bakery_id": 1,
    "feedstock_id": 1,
    "head_sha": "35d889f7c89e9f0d72353a0649ed1cd8da04826b",
    "version": "1.0",
    "started_at": "2022-03-03T02:29:54Z",
}
FINISHED_RUN = {
    "status": "completed",
    "conclusion": "success",
    "completed_at": "2022-03-03T03:11:20Z",
    "dataset_public_url": "https://ncsa.osn.xsede.org/Pangeo/pangeo-forge/gpcp-feedstock/gpcp.zarr",
}

blp = Blueprint("recipe_runs", __name__, url_prefix="/recipe_runs", description="Executions of recipes.")


@blp.route("/", methods=["GET"], caller=Caller.PUBLIC)
@blp.arguments(RecipeRunQuery, location="query")
@blp.response(200, RecipeRunRead(many=True), description="A page of recipe runs.")
def list_recipe_runs(query: dict[str, Any]) -> list[RecipeRun]:
    """List recipe runs

    By id, or by another member with `order_by` and `sort`.
    """
    return records.page(RecipeRun, **query)


@blp.route("/", methods=["POST"], caller=Caller.WRITER)
@blp.arguments(RecipeRunCreate, example=NEW_RUN)
@blp.response(201, RecipeRunRead, description="The new run.", headers=LOCATION)
def create_recipe_run(values: dict[str, Any]) -> Any:
    """Create a recipe run

    Its bakery and its feedstock have to exist.
    """
    run, _ = records.create(RecipeRun, values)
    db.session.commit()
    return created(run)


@blp.route("/<id:id>", methods=["GET"], caller=Caller.PUBLIC)
@blp.response(200, RecipeRunDetail, description="The run with its bakery and feedstock.")
def get_recipe_run(id: int) -> RecipeRun:
    """Get a recipe run

    With its bakery and its feedstock.
    """
    return records.get(RecipeRun, id)


@blp.route("/<id:id>", methods=["PATCH"], caller=Caller.WRITER)
@blp.arguments(RecipeRunUpdate, example=FINISHED_RUN)
@blp.response(200, RecipeRunRead, description="The run as it is now.")
def update_recipe_run(values: dict[str, Any], id: int) -> RecipeRun:
    """Update a recipe run

    Sets the members that are sent (RFC 7396); null clears a nullable one.
    """
    run = records.get(RecipeRun, id, to_write=True)
    records.update(run, values)
    db.session.commit()
    return run


@blp.route("/<id:id>", methods=["DELETE"], caller=Caller.WRITER)
@blp.response(200, Ok, description="The run is gone.")
def delete_recipe_run(id: int) -> dict[str, bool]:
    """Delete a recipe run

    For good; its id is not given out again.
    """
    records.delete(records.get(RecipeRun, id, to_write=True))
    db.session.commit()
    return {"ok": True}
