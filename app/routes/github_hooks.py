"""The webhook of the GitHub App, which also accepts the callback of the monitor of Dataflow."""

from typing import Any

from flask import request
from marshmallow import EXCLUDE
from werkzeug import exceptions
from werkzeug.exceptions import BadRequest

from app.schemas.github_hooks import DataflowCallback, GitHubEvent
from app.services import github_events, reports
from app.web.auditing import Written
from app.web.auth import Caller, actor
from app.web.blueprint import Blueprint
from app.web.parser import Parser
from app.web.signatures import GITHUB_EVENT

# GitHub sends a ping when somebody creates the webhook. The original answered it with 501.
ACKNOWLEDGED = ("ping", "check_suite")
CONCLUSIONS = ("success", "failure")

# It has no type, because generated clients would name the type of the null with a number.
ANSWER = {"description": "Null, or an object with a `status` and perhaps a `message`.", "examples": [None]}
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

_parser, _callback, _event = Parser(), DataflowCallback(), GitHubEvent()


@blp.route("/", methods=["POST"], caller=Caller.GITHUB)
@blp.doc(requestBody=BODY)
@blp.response(202, ANSWER, description="The event is accepted.")
def receive_github_hook() -> Written:
    """Endpoint to which Pangeo Forge GitHub App posts payloads.

    `X-GitHub-Event: dataflow` is the callback of the monitor of Dataflow, a form that completes a run: its conclusion
    is `success` or `failure`. `ping` and `check_suite` are accepted and have no effect, and so are pull requests and
    comments on which the original did not act. All other events are 501.
    """
    event = request.headers.get(GITHUB_EVENT)
    if event == "dataflow":
        return _complete(_parser.parse(_callback, request, location="form"))
    if event in ACKNOWLEDGED:
        return Written({"status": "ok"}, [], changed=False)
    if event in ("pull_request", "issue_comment"):
        payload = _parser.parse(_event, request, location="json", unknown=EXCLUDE)
        return Written(github_events.answer(event, payload), [], changed=False)
    raise exceptions.NotImplemented(github_events.NOT_HANDLED)


def _complete(values: dict[str, Any]) -> Written:
    if values["action"] != "completed":
        return Written(None, [], changed=False)
    if values["conclusion"] not in CONCLUSIONS:
        raise BadRequest(f"No handling implemented for payload['conclusion'] = {values['conclusion']!r}.")
    run_id = values["recipe_run_id"]
    changed = reports.complete(run_id, values["conclusion"], actor())
    return Written(None, [run_id], changed=changed, resource="recipe_runs")
