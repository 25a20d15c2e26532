"""The webhook of the GitHub App, which also takes the callback of the monitor of Dataflow."""

from typing import Any

from flask import request
from werkzeug import exceptions
from werkzeug.exceptions import BadRequest

from app.schemas.github_hooks import DataflowCallback
from app.services import reports
from app.web.auditing import Written
from app.web.auth import Caller, actor
from app.web.blueprint import Blueprint
from app.web.parser import Parser
from app.web.signatures import GITHUB_EVENT

# The sentence of the original.
NOT_HANDLED = "No handling implemented for this event type."
# GitHub sends a ping when somebody creates the webhook. The original answered it with 501.
ACKNOWLEDGED = ("ping", "check_suite")
CONCLUSIONS = ("success", "failure")

ANSWER = {
    "type": ["object", "null"],
    "properties": {"status": {"type": "string", "description": "Always `ok`.", "examples": ["ok"]}},
    "description": "Null for a callback of Dataflow.",
    "examples": [None],
}
BODY = {
    "required": True,
    "content": {
        "application/x-www-form-urlencoded": {
            "schema": DataflowCallback,
            "example": {"action": "completed", "recipe_run_id": 1, "conclusion": "success"},
        },
        "application/json": {"schema": {"type": "object", "description": "An event of GitHub.", "examples": [{}]}},
    },
}

blp = Blueprint("github_hooks", __name__, url_prefix="/github/hooks", description="The webhook of the GitHub App.")

_parser, _callback = Parser(), DataflowCallback()


@blp.route("/", methods=["POST"], caller=Caller.GITHUB)
@blp.doc(requestBody=BODY)
@blp.response(202, ANSWER, description="The event is accepted.")
def receive_github_hook() -> Written:
    """Endpoint to which Pangeo Forge GitHub App posts payloads.

    `X-GitHub-Event: dataflow` is the callback of the monitor of Dataflow, a form that completes a run: its conclusion
    is `success` or `failure`. `ping` and `check_suite` are accepted and have no effect. All other events are 501.
    """
    event = request.headers.get(GITHUB_EVENT)
    if event in ACKNOWLEDGED:
        return Written({"status": "ok"}, [], changed=False)
    if event != "dataflow":
        raise exceptions.NotImplemented(NOT_HANDLED)
    return _complete(_parser.parse(_callback, request, location="form"))


def _complete(values: dict[str, Any]) -> Written:
    if values["action"] != "completed":
        return Written(None, [], changed=False)
    if values["conclusion"] not in CONCLUSIONS:
        raise BadRequest(f"No handling implemented for payload['conclusion'] = {values['conclusion']!r}.")
    run_id = values["recipe_run_id"]
    changed = reports.complete(run_id, values["conclusion"], actor())
    return Written(None, [run_id], changed=changed, resource="recipe_runs")
