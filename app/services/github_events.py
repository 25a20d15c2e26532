"""Events of GitHub on which the original did not act. Its answers to them are the same here."""

from typing import Any

from werkzeug import exceptions

# The sentences of the original.
NOT_HANDLED = "No handling implemented for this event type."
CLEANUP = {"status": "skip", "message": "This is an automated cleanup PR. Skipping."}
NO_FEEDSTOCK = {"status": "skip", "message": "This not a -feedstock repo. Skipping."}
NO_COMMAND = {"status": "ok", "message": "Comment is not a slash command."}
FEEDSTOCK, STAGED = "-feedstock", "staged-recipes"

Answer = dict[str, str] | None


def answer(event: str, payload: dict[str, Any]) -> Answer:
    """Return the answer to an event without effect, which may be null. Raises 501 for any other event."""
    match event, payload:
        case "pull_request", {"action": action, "pull_request": pull}:
            return _to_pull_request(action, pull)
        case "issue_comment", {"action": "created", "comment": {"body": str(body)}} if not body.startswith("/"):
            return NO_COMMAND
        case "issue_comment", {"action": action} if action != "created":
            return None
    raise exceptions.NotImplemented(NOT_HANDLED)


def _to_pull_request(action: str, pull: dict[str, Any]) -> Answer:
    repository, is_cleanup = pull["base"]["repo"]["full_name"], pull["title"].lower().startswith("cleanup")
    if action in ("opened", "synchronize"):
        if not repository.lower().endswith((FEEDSTOCK, STAGED)):
            return {"status": "ok", "message": f"Skipping synchronize for repo {repository}"}
        if is_cleanup:
            return CLEANUP
    elif action == "closed" and pull["merged"]:
        if STAGED in repository:
            if is_cleanup:
                return CLEANUP
        elif not repository.endswith(FEEDSTOCK):
            return NO_FEEDSTOCK
    else:
        return None
    raise exceptions.NotImplemented(NOT_HANDLED)
