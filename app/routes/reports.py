"""Reports of runners: in our form, and as events of OpenLineage."""

from typing import Any

from marshmallow import EXCLUDE

from app.schemas import openlineage
from app.schemas.openlineage import LineageEvent
from app.schemas.recipe_runs import RecipeRunRead
from app.schemas.reports import EXAMPLE, ReportWrite
from app.services import reports
from app.web.auditing import Written
from app.web.auth import Caller, actor, presented_key, require_bakeries
from app.web.blueprint import LOCATION, Blueprint
from app.web.links import with_prefix

IGNORED = {
    "Ignored-Fields": {
        "description": "The fields of the report that were ignored, because a report about a later status came before.",
        "schema": {"type": "string", "examples": ["status, started_at"]},
    }
}

blp = Blueprint("reports", __name__, url_prefix="/bakeries", description="Reports of runners about their runs.")


@blp.route("/<id:id>/reports", methods=["POST"], caller=Caller.REPORTER)
@blp.arguments(ReportWrite, example=EXAMPLE)
@blp.response(201, RecipeRunRead, description="The new run.", headers=LOCATION)
@blp.alt_response(200, schema=RecipeRunRead, description="The run after the report.", headers=IGNORED, success=True)
@blp.alt_response(409, "CONFLICT")
def report_recipe_run(values: dict[str, Any], id: int) -> Written:
    """Report the state of a recipe run

    For runners: one request says that a run exists, how it goes, how it ended, and what it has published. The run is
    that of `run_id`, or that of `external_id` in this bakery. If no run has the `external_id`, the report creates one;
    it then needs `feedstock` or `feedstock_id`, `recipe_id` and `head_sha`. Later reports may repeat these. A report
    with a feedstock, `recipe_id` or `is_test` that the run neither has nor had is 409, and changes nothing.

    Reports may arrive late and twice. One about an earlier status than that of the run sets only fields that are still
    null. The header `Ignored-Fields` names the others, and the fields of a new run that differ from those of the run.
    The caller has a key that may write runs of the bakery, or signs the request with the secret of the bakery.
    """
    return _reported(id, values)


@blp.route("/<id:id>/lineage", methods=["POST"], caller=Caller.REPORTER)
@blp.arguments(LineageEvent, example=openlineage.EXAMPLE, unknown=EXCLUDE)
@blp.response(201, RecipeRunRead, description="The new run.", headers=LOCATION)
@blp.alt_response(200, schema=RecipeRunRead, description="The run after the event.", headers=IGNORED, success=True)
@blp.alt_response(409, "CONFLICT")
def report_lineage(values: dict[str, Any], id: int) -> Written:
    """Report an event of OpenLineage

    A run event, as the clients of OpenLineage send it. `runId` is the `external_id` of the run, the name of the job its
    `recipe_id`. The facet `sourceCodeLocation` has the feedstock and the commit, `errorMessage` the message, and
    `dataSource` of an output the url of the dataset. `docs/using/reporting.md` has the whole table. For the rest
    it is like a report, but a later event may be of a job with another name.
    """
    return _reported(id, values, may_differ=True)


def _reported(bakery_id: int, values: dict[str, Any], *, may_differ: bool = False) -> Written:
    require_bakeries(bakery_id)
    done = reports.report(bakery_id, values, actor(), presented_key(), may_differ=may_differ)
    headers = {"Location": with_prefix(f"/recipe_runs/{done.run.id}")} if done.created else {}
    if done.ignored:
        headers |= {"Ignored-Fields": ", ".join(done.ignored)}
    status, details = 201 if done.created else 200, {"ignored": done.ignored} if done.ignored else {}
    changed = done.changed or bool(done.ignored)
    return Written(done.run, [done.run.id], status, headers, details, changed, resource="recipe_runs")
