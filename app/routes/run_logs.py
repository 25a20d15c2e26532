"""Logs of recipe runs, and scripts that run them again."""

from typing import Any

from flask import Response, current_app, request

from app.database import rows
from app.models import RecipeRun
from app.models.run_logs import Entry
from app.routes.run_log_bodies import with_entries
from app.schemas.base import LIMIT_MAX
from app.schemas.run_logs import EXAMPLE, FORMATS, RunLogQuery, RunLogRead, RunLogWritten
from app.services import records, reproduce, run_logs
from app.web import auth
from app.web.auditing import Written
from app.web.auth import Caller, require_bakeries
from app.web.blueprint import Blueprint
from app.web.json import encode, respond

# What `log_url` and the right to read depend on.
NAMES = ("id", "recipe_id", "head_sha", "external_id", "is_test", "bakery.log_url")
SHELL = "text/x-shellscript"
SCRIPT = {"type": "string", "examples": ["#!/usr/bin/env bash"]}
TEXT = {"schema": {"type": "string", "examples": [EXAMPLE]}}
LINES = {
    "schema": {"type": "string", "examples": ['{"timestamp":"2022-03-03T02:29:54Z","message":"wrote 5 chunks"}\n']}
}

blp = Blueprint("run_logs", __name__, url_prefix="/recipe_runs", description="Logs of recipe runs.")


@blp.route("/<id:id>/logs", methods=["GET"], caller=Caller.READER)
@blp.arguments(RunLogQuery, location="query")
@blp.response(200, RunLogRead, description="Lines of the log, oldest first.")
@blp.doc(responses={200: {"content": {"text/plain": TEXT, "application/x-ndjson": LINES}}})
@blp.alt_response(
    206, schema=TEXT["schema"], content_type="text/plain", description="A range of the text.", success=True
)
@blp.alt_response(416, "REQUESTED_RANGE_NOT_SATISFIABLE")
def get_run_log(query: dict[str, Any], id: int) -> Response:
    """Get the log of a recipe run

    The newest lines that the runner has sent, up to 1 MiB. To follow a log, ask again with the `offset` that the answer
    has in `next`. With `format`, or with the header `Accept`, the answer is text (`text/plain`), or has an object a
    line (`application/x-ndjson`). A text can be read in ranges of bytes (RFC 9110, section 14).

    The logs of test runs are public. Those of other runs require an API key, unless the service publishes them.
    """
    run = rows.one(RecipeRun, NAMES, id)
    private = not (run.is_test or current_app.config["PUBLIC_LOGS"])
    if private:
        auth.authorise(Caller.HOLDER)
    response = _answer(query, run)
    response.vary.add("Accept")
    if private:
        response.headers["Cache-Control"] = "private, no-cache"
    return response


@blp.route("/<id:id>/logs", methods=["POST"], caller=Caller.RUNNER)
@blp.doc(requestBody={"required": True, "content": {"text/plain": TEXT, "application/x-ndjson": LINES}})
@blp.response(200, RunLogWritten, description="The lines are stored.")
@with_entries
def append_to_run_log(entries: list[Entry], id: int) -> Written:
    """Append to the log of a recipe run

    Text, or an object with `message`, and perhaps `timestamp` and `level`, in each line. A log keeps its newest lines,
    up to 1 MiB. Secrets are masked before it is stored: those that this service knows, and what has the form of a
    token, a private key or a password.
    """
    run = records.get(RecipeRun, id, to_write=True)
    require_bakeries(run.bakery_id)
    appended = run_logs.append(run, entries, auth.presented_key())
    return Written(appended, [id], details={"lines": len(entries)}, changed=bool(entries))


@blp.route("/<id:id>/reproduce", methods=["GET"], caller=Caller.PUBLIC)
@blp.response(200, SCRIPT, content_type=SHELL, description="The script.")
def get_script(id: int) -> Response:
    """Get a script that runs the recipe again

    For bash: it clones the repository of the feedstock, checks out the commit of the run, installs what its
    requirements.txt names, and runs the recipe with pangeo-forge-runner on one's own machine.
    """
    response = Response(reproduce.script(records.get(RecipeRun, id)), content_type=f"{SHELL}; charset=utf-8")
    response.headers["Content-Disposition"] = f'attachment; filename="reproduce-run-{id}.sh"'
    return response


def _answer(query: dict[str, Any], run: Any) -> Response:
    given = query.get("format") or _accepted()
    limit = query.get("limit", LIMIT_MAX if given == "json" else None)
    part = run_logs.read(run.id, tail=query.get("tail"), offset=query["offset"], limit=limit, levels=query.get("level"))
    if given == "text":
        return _text(part)
    lines = [{"timestamp": row.at, "level": row.level, "message": row.message} for row in part.rows]
    if given == "ndjson":
        return Response(b"".join(encode(line) + b"\n" for line in lines), mimetype=FORMATS[given])
    values = {name: getattr(run, name) for name in ("external_id", "head_sha", "recipe_id")}
    url = run_logs.log_url(run.log_url, values | {"run_id": run.id})
    numbers = {"first": part.first, "next": part.next, "total": part.total, "cut_lines": part.cut_lines}
    return respond({"logs": lines} | numbers | {"log_url": url})


def _text(part: run_logs.Part) -> Response:
    """The messages of the lines, or the range of their bytes that the request asks for."""
    lines = [row.message for row in part.rows]
    if part.cut_lines and part.rows and part.first == part.cut_lines:
        lines.insert(0, f"[The first {part.cut_lines} lines were cut.]")
    body = "".join(f"{line}\n" for line in lines).encode()
    response = Response(body, mimetype=FORMATS["text"])
    response.add_etag()
    if (request.range and request.range.units) == "bytes":
        response.make_conditional(request, accept_ranges=True, complete_length=len(body))
        return response
    response.headers["Accept-Ranges"] = "bytes"
    return response


def _accepted() -> str:
    found = request.accept_mimetypes.best_match(FORMATS.values(), default=FORMATS["json"])
    return next(name for name, media_type in FORMATS.items() if media_type == found)
