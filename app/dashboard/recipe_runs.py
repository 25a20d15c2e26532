"""The page of a run: why it failed, what its runner has sent, and its history."""

from typing import Any, NamedTuple

from flask import current_app, render_template

from app.dashboard import words
from app.dashboard.changes import changes
from app.dashboard.queries import api_path
from app.dashboard.timeline import timeline
from app.database import pages, rows
from app.database.columns import now
from app.models import RecipeRun, RecipeRunEvent
from app.models.failures import FAILING
from app.schemas.base import LIMIT_MAX
from app.schemas.recipe_run_events import RecipeRunEventRead
from app.schemas.recipe_runs import RecipeRunDetail
from app.schemas.serialiser import serialiser
from app.services import reaper, run_logs

BY_ID: dict[str, Any] = {"limit": LIMIT_MAX, "order_by": "id", "sort": "asc"}
LAST_SUCCESS: dict[str, Any] = {"conclusion": ["success"], "limit": 1, "order_by": "started_at", "sort": "desc"}
COMPARED = ("id", "is_test", "started_at", "head_sha", "version", "bakery_id")
LAST_LINES = 12  # of a traceback
LOG_LINES = 20


def recipe_run(id: int) -> str:
    detail, event = serialiser(RecipeRunDetail), serialiser(RecipeRunEventRead)
    (run,) = detail.rows([rows.one(RecipeRun, detail.columns, id)])
    history = pages.read_page(RecipeRunEvent, columns=event.columns, recipe_run_id=[id], **BY_ID)
    later = pages.read_page(RecipeRun, columns=("id",), rerun_of=[id], **BY_ID)
    message_fields, text = words.message(run["message"])
    return render_template(
        "dashboard/recipe_run.html",
        run=run,
        good=last_success(run) if run["conclusion"] in FAILING else None,
        forecast=_forecast(run),
        timeline=timeline(run, event.rows(history.rows)),
        reruns=[row[0] for row in later.rows],
        commit=words.commit_url(run["feedstock"], run["head_sha"]),
        repository=words.repository_url(run["feedstock"]),
        message_fields=message_fields,
        trace=text.strip("\n"),
        last_lines=LAST_LINES,
        log=_log(run),
        log_url=run_logs.log_url(run["bakery"]["log_url"], run | {"run_id": id}),
        calls=[
            api_path("recipe_runs.get_recipe_run", id=id),
            api_path("recipe_runs.list_recipe_run_events", BY_ID.items(), id=id),
            api_path("recipe_runs.list_recipe_runs", [("rerun_of", id), *BY_ID.items()]),
        ],
    )


class Success(NamedTuple):
    """The last run of a recipe that succeeded, and what differs between it and another run, the older one first."""

    run: dict[str, Any]
    is_later: bool
    changes: list[tuple[str, str | None]]


def last_success(run: dict[str, Any]) -> Success | None:
    """Return the newest successful run of the same recipe, None if there is none."""
    of_recipe: dict[str, Any] = {"feedstock_id": [run["feedstock"]["id"]], "recipe_id": [run["recipe_id"]]}
    found = pages.read_page(RecipeRun, columns=COMPARED, **of_recipe, **LAST_SUCCESS).rows
    if not found:
        return None
    good = dict(zip(COMPARED, found[0], strict=False))
    is_later = good["started_at"] > run["started_at"]
    newer, older = (good, run) if is_later else (run, good)
    return Success(good, is_later, changes(newer, older, run["feedstock"]))


def _forecast(run: dict[str, Any]) -> reaper.Forecast | None:
    """Return what the reaper will do with an unfinished run."""
    if run["status"] == "completed":
        return None
    return next(iter(reaper.forecasts(now(), [run["id"]])), None)


def _log(run: dict[str, Any]) -> run_logs.Part | None:
    """Return the newest lines of the log of a run; None if it is not public."""
    if not (run["is_test"] or current_app.config["PUBLIC_LOGS"]):
        return None
    return run_logs.read(run["id"], tail=LOG_LINES, offset=0, limit=None, levels=None)
