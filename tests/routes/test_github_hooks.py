"""The webhook of the GitHub App, as the monitor of Dataflow and GitHub call it."""

import hashlib
import hmac
import json
from urllib.parse import urlencode

import pytest

from tests.support.factories import STARTED_AT, make_run
from tests.support.signed import github_webhook

SECRET = "the secret of the app"
PATH = "/github/hooks/"
UNSIGNED = "Request does not include a GitHub hash signature header."
WRONG = "Request hash signature invalid."
NOT_HANDLED = "No handling implemented for this event type."
FORM = "application/x-www-form-urlencoded"
CHALLENGE = "Hmac-Sha256 realm=pangeo-forge, header=X-Hub-Signature-256"


@pytest.fixture(autouse=True)
def secret(app, monkeypatch):
    monkeypatch.setitem(app.config, "GITHUB_WEBHOOK_SECRET", SECRET)


def call_back(client, payload, content_type=FORM, **headers):
    body = payload if isinstance(payload, bytes) else urlencode(payload).encode()
    signed = github_webhook(SECRET, body, "dataflow") | headers
    return client.post(PATH, data=body, headers=signed, content_type=content_type)


def send(client, event, body=b"{}"):
    headers = github_webhook(SECRET, body, event)
    return client.post(PATH, data=body, headers=headers, content_type="application/json")


def refusal(response):
    return response.status_code, response.json["detail"]


def completed(run_id, conclusion="success"):
    return {"action": "completed", "recipe_run_id": run_id, "conclusion": conclusion}


@pytest.mark.parametrize("conclusion", ["success", "failure"])
def test_the_request_of_the_dataflow_monitor_completes_its_run(app, client, conclusion):
    """Its source computes the HMAC of `urlencode(payload, doseq=True)` and sends the payload with `requests`."""
    run = make_run(app, status="in_progress")
    payload = {"action": "completed", "recipe_run_id": run.id, "conclusion": conclusion}
    payload_bytes = urlencode(payload, doseq=True).encode("utf-8")
    h = hmac.new(bytes(SECRET, encoding="utf-8"), payload_bytes, hashlib.sha256)
    headers = {
        "X-GitHub-Event": "dataflow",
        "X-Hub-Signature-256": f"sha256={h.hexdigest()}",
        "Accept": "application/vnd.github.v3+json",
    }
    response = client.post(PATH, data=payload, headers=headers)
    assert (response.status_code, response.data) == (202, b"null")
    found = client.get(f"/recipe_runs/{run.id}").json
    assert (found["status"], found["conclusion"], found["completed_at"] is None) == ("completed", conclusion, False)


def test_the_history_and_the_audit_log_name_the_webhook(app, admin):
    run = make_run(app)
    call_back(admin, completed(run.id))
    (event,) = admin.get(f"/recipe_runs/{run.id}/events").json
    entry = admin.get("/audit?sort=desc&limit=1").json[0]
    assert event["actor"] == entry["actor"] == "webhook of github"
    assert (entry["action"], entry["resource"], entry["resource_id"]) == ("receive_github_hook", "recipe_runs", run.id)


def test_a_repeated_callback_changes_nothing(app, admin):
    run = make_run(app)
    assert [call_back(admin, completed(run.id)).status_code for _ in range(2)] == [202, 202]
    assert len(admin.get(f"/recipe_runs/{run.id}/events").json) == 1


def test_a_callback_corrects_the_conclusion_of_the_reaper(app, client):
    run = make_run(app, status="completed", conclusion="timed_out", completed_at=STARTED_AT)
    call_back(client, completed(run.id))
    assert client.get(f"/recipe_runs/{run.id}").json["conclusion"] == "success"


def test_another_action_is_accepted_and_has_no_effect(app, client):
    run = make_run(app)
    response = call_back(client, completed(run.id) | {"action": "complete"})
    assert (response.status_code, response.data) == (202, b"null")
    assert client.get(f"/recipe_runs/{run.id}").json["status"] == "queued"


def test_another_conclusion_is_400_with_the_sentence_of_the_original(app, client):
    response = call_back(client, completed(make_run(app).id, "cancelled"))
    assert refusal(response) == (400, "No handling implemented for payload['conclusion'] = 'cancelled'.")


def test_an_unknown_run_is_404(client):
    assert refusal(call_back(client, completed(99_999))) == (404, "recipe run 99999 not found")


@pytest.mark.parametrize(
    ("payload", "pointers"),
    [
        (b"", ["/action"]),
        (b'{"action": "completed"}', ["/action"]),
        ({"action": "completed"}, ["/recipe_run_id", "/conclusion"]),
        ({"action": "completed", "conclusion": "success", "recipe_run_id": "one"}, ["/recipe_run_id"]),
        ({"action": "completed", "conclusion": "success", "recipe_run_id": 2**31}, ["/recipe_run_id"]),
    ],
)
def test_a_form_that_is_incomplete_is_422(client, payload, pointers):
    response = call_back(client, payload)
    assert (response.status_code, [error["pointer"] for error in response.json["errors"]]) == (422, pointers)


def test_json_in_place_of_a_form_is_422(client):
    assert call_back(client, b'{"action": "completed"}', "application/json").status_code == 422


@pytest.mark.parametrize("event", ["ping", "check_suite"])
def test_events_without_effect_are_accepted(client, event):
    response = send(client, event, b'{"zen": "Design for failure."}')
    assert (response.status_code, response.data) == (202, b'{"status":"ok"}')


@pytest.mark.parametrize("event", ["push", "installation", "check_run", "Dataflow", ""])
def test_other_events_are_501_as_in_the_original(client, event):
    assert refusal(send(client, event)) == (501, NOT_HANDLED)


CLEANUP = {"status": "skip", "message": "This is an automated cleanup PR. Skipping."}
NO_FEEDSTOCK = {"status": "skip", "message": "This not a -feedstock repo. Skipping."}


@pytest.mark.parametrize(
    ("action", "repository", "title", "merged", "answer"),
    [
        ("synchronize", "a/b", "New recipe", False, {"status": "ok", "message": "Skipping synchronize for repo a/b"}),
        ("opened", "a/gpcp-feedstock", "Cleanup a/gpcp", False, CLEANUP),
        ("closed", "a/staged-recipes", "cleanup", True, CLEANUP),
        ("closed", "a/b", "New recipe", True, NO_FEEDSTOCK),
        ("closed", "a/gpcp-feedstock", "New recipe", False, None),
        ("labeled", "a/gpcp-feedstock", "New recipe", False, None),
        ("opened", "a/GPCP-Feedstock", "New recipe", False, 501),
        ("synchronize", "a/staged-recipes", "New recipe", False, 501),
        ("closed", "a/gpcp-feedstock", "New recipe", True, 501),
        ("closed", "a/staged-recipes", "New recipe", True, 501),
    ],
)
def test_pull_requests_on_which_the_original_did_not_act(client, action, repository, title, merged, answer):
    pull = {"title": title, "merged": merged, "base": {"repo": {"full_name": repository}}, "number": 1}
    response = send(client, "pull_request", json.dumps({"action": action, "pull_request": pull}).encode())
    if answer == 501:
        assert refusal(response) == (501, NOT_HANDLED)
    else:
        assert (response.status_code, response.json) == (202, answer)


@pytest.mark.parametrize(
    ("action", "body", "answer"),
    [
        ("created", "Thanks!", {"status": "ok", "message": "Comment is not a slash command."}),
        ("edited", "/run gpcp", None),
        ("created", "/run gpcp", 501),
    ],
)
def test_comments_on_which_the_original_did_not_act(client, action, body, answer):
    payload = {"action": action, "comment": {"body": body}, "issue": {"number": 1}}
    response = send(client, "issue_comment", json.dumps(payload).encode())
    if answer == 501:
        assert refusal(response) == (501, NOT_HANDLED)
    else:
        assert (response.status_code, response.json) == (202, answer)


@pytest.mark.parametrize(("body", "status"), [(b"{", 400), (b"[]", 422), (b"{}", 422), (b'{"action": "x"}', 501)])
def test_a_signed_event_that_is_malformed_is_no_500(client, body, status):
    assert send(client, "pull_request", body).status_code == status


@pytest.mark.parametrize("headers", [{}, {"X-Hub-Signature-256": ""}, {"X-Hub-Signature": "sha1=00"}])
def test_a_request_without_a_signature_is_401(client, headers):
    response = client.post(PATH, data=b"{", headers={"X-GitHub-Event": "ping"} | headers)
    assert (*refusal(response), response.headers["WWW-Authenticate"]) == (401, UNSIGNED, CHALLENGE)


@pytest.mark.parametrize("signature", ["sha256=", "sha256=00", "nonsense", "\xe9"])
def test_a_wrong_signature_is_401(client, signature):
    response = client.post(PATH, data=b"{}", environ_overrides={"HTTP_X_HUB_SIGNATURE_256": signature})
    assert (*refusal(response), response.headers["WWW-Authenticate"]) == (401, WRONG, CHALLENGE)


@pytest.mark.parametrize("wrong", [{"secret": "another"}, {"body": b"{}"}])
def test_a_signature_of_another_secret_or_body_is_401(client, wrong):
    body = urlencode(completed(1)).encode()
    headers = github_webhook(wrong.get("secret", SECRET), wrong.get("body", body), "dataflow")
    assert refusal(client.post(PATH, data=body, headers=headers)) == (401, WRONG)


def test_a_key_is_not_enough(admin):
    assert refusal(admin.post(PATH, json={})) == (401, UNSIGNED)


def test_without_a_secret_the_service_says_that_it_accepts_no_webhooks(app, client, monkeypatch):
    monkeypatch.setitem(app.config, "GITHUB_WEBHOOK_SECRET", "")
    body = b"{}"
    response = client.post(PATH, data=body, headers=github_webhook("", body, "ping"))
    sentence = "This service accepts no webhooks of GitHub: its operator has not set GITHUB_WEBHOOK_SECRET."
    assert refusal(response) == (501, sentence)


def test_a_delivery_that_github_repeats_is_done_once(app, client):
    run = make_run(app)
    delivery = {"X-GitHub-Delivery": "72d3162e-cc78-11e3-81ab-4c9367dc0958"}
    first, again = (call_back(client, completed(run.id), **delivery) for _ in range(2))
    assert (again.data, again.headers["Idempotency-Replayed"]) == (first.data, "true")


@pytest.mark.parametrize("slash", ["", "/"])
def test_the_path_works_with_and_without_the_slash(client, slash):
    body = b"{}"
    response = client.post(f"/github/hooks{slash}", data=body, headers=github_webhook(SECRET, body, "ping"))
    assert response.status_code == 202
