"""Recipe runs: executions of recipes."""

from typing import Any

from flask import Response

from app.database import pages, rows
from app.database.filters import with_parent
from app.database.pages import Page
from app.models import RecipeRun, RecipeRunEvent
from app.schemas.common import Ok
from app.schemas.recipe_run_events import RecipeRunEventQuery, RecipeRunEventRead
from app.schemas.recipe_runs import (
    RecipeRunBulkCreate,
    RecipeRunBulkRead,
    RecipeRunCreate,
    RecipeRunDetail,
    RecipeRunQuery,
    RecipeRunRead,
    RecipeRunUpdate,
)
from app.services import records, retirement
from app.web import documents, limits
from app.web.auditing import Written
from app.web.auth import Caller, actor, digest, require_bakeries
from app.web.blueprint import LOCATION, Blueprint, created
from app.web.preconditions import require_match
from config import MAX_BULK_BODY

# The first and the last request of a runner.
NEW_RUN = {
    "recipe_id": "gpcp-from-gcs",
    "bakery_id": 1,
    "feedstock_id": 1,
    "head_sha": "35d889f7c89e9f0d72353a0649ed1cd8da04826b",
    "version": "1.0",
    "started_at": "2026-03-03T02:29:54Z",
}
FINISHED_RUN = {
    "status": "completed",
    "conclusion": "success",
    "dataset_public_url": "https://ncsa.osn.xsede.org/Pangeo/pangeo-forge/gpcp-feedstock/gpcp.zarr",
}

blp = Blueprint("recipe_runs", __name__, url_prefix="/recipe_runs", description="Executions of recipes.")


@blp.route("/", methods=["GET"], caller=Caller.PUBLIC)
@blp.paged(RecipeRunQuery, RecipeRunRead, description="A page of recipe runs.")
def list_recipe_runs(query: dict[str, Any]) -> Page:
    """List recipe runs

    Ordered by id, or by the field `order_by`. To read the whole list, follow the links of the header `Link`.
    """
    return pages.read_page(RecipeRun, **query)


@blp.route("/", methods=["POST"], caller=Caller.RUNNER)
@blp.arguments(RecipeRunCreate, example=NEW_RUN)
@blp.response(201, RecipeRunRead, description="The new run.", headers=LOCATION)
def create_recipe_run(values: dict[str, Any]) -> Written:
    """Create a recipe run

    The bakery and the feedstock must exist and must not be retired. Without a `status` the run is `queued`, or
    `completed` if it has a conclusion.
    """
    require_bakeries(values["bakery_id"])
    retirement.require_in_use([values])
    run, _ = records.create(RecipeRun, values, actor())
    return created(run)


@blp.route("/bulk", methods=["POST"], caller=Caller.RUNNER, max_body=MAX_BULK_BODY)
@blp.arguments(RecipeRunBulkCreate, example={"recipe_runs": [NEW_RUN, NEW_RUN | {"recipe_id": "gpcp-to-osn"}]})
@blp.response(201, RecipeRunBulkRead, description="The new runs.")
def create_recipe_runs(values: dict[str, Any]) -> Written:
    """Create many recipe runs

    Up to 1,000 runs in a body of up to 8 MiB, for a repository with many recipes. Either all runs are created or none:
    422 lists the errors of every run, by index. The rules of a single creation hold for each run, and each counts as a
    write of the key.
    """
    limits.count_write(digest(), len(values["recipe_runs"]) - 1)
    require_bakeries(*(run["bakery_id"] for run in values["recipe_runs"]))
    retirement.require_in_use(values["recipe_runs"])
    runs = records.create_many(RecipeRun, values["recipe_runs"], actor(), "recipe_runs")
    return Written({"recipe_runs": runs}, [run.id for run in runs])


@blp.route("/<id:id>", methods=["GET"], caller=Caller.PUBLIC)
@blp.response(200, RecipeRunDetail, description="The run with its bakery and feedstock.")
def get_recipe_run(id: int) -> Response:
    """Get a recipe run

    The answer contains the bakery and the feedstock of the run.
    """
    return documents.answer(RecipeRun, RecipeRunDetail, id)


@blp.route("/<id:id>/events", methods=["GET"], caller=Caller.PUBLIC)
@blp.paged(RecipeRunEventQuery, RecipeRunEventRead, description="A page of events, oldest first.")
def list_recipe_run_events(query: dict[str, Any], id: int) -> Page:
    """List the events of a recipe run

    Every change of the run: when, by whom, the old and the new values, and the reason if the client gave one. Changes
    by the original service are not recorded.
    """
    rows.require(RecipeRun, id)
    return pages.read_page(RecipeRunEvent, **with_parent(query, recipe_run_id=id))


@blp.route("/<id:id>", methods=["PATCH"], caller=Caller.RUNNER)
@blp.arguments(RecipeRunUpdate, example=FINISHED_RUN)
@blp.response(200, RecipeRunRead, description="The updated run.")
@blp.alt_response(409, "CONFLICT")
def update_recipe_run(values: dict[str, Any], id: int) -> Written:
    """Update a recipe run

    Sets the fields of the request (RFC 7396); null clears a nullable field.

    The status changes from `queued` to `in_progress` to `completed`, never back: a new attempt is a new run with
    `rerun_of`. A run that is `completed` needs a conclusion and an end time. Setting a `conclusion` completes the run;
    `completed_at` is then the current time unless the request sets it. The conclusion of a completed run can be
    corrected. Only the service sets the conclusion `stale`. `reason` is stored in the history. A run cannot move to a
    bakery or a feedstock that is retired.
    """
    run = records.get(RecipeRun, id, to_write=True)
    require_bakeries(run.bakery_id, values.get("bakery_id", run.bakery_id))
    require_match(run, RecipeRunDetail)
    retirement.require_in_use_if_moved(run, values)
    reason = values.pop("reason", None)
    changed = records.update(run, values, actor(), reason)
    return Written(run, [id], changed=changed)


@blp.route("/<id:id>", methods=["DELETE"], caller=Caller.RUNNER)
@blp.response(200, Ok, description="The run is deleted.")
def delete_recipe_run(id: int) -> Written:
    """Delete a recipe run

    A deletion cannot be undone. The id is not used again.
    """
    run = records.get(RecipeRun, id, to_write=True)
    require_bakeries(run.bakery_id)
    require_match(run, RecipeRunDetail)
    records.delete(run)
    return Written({"ok": True}, [id])
