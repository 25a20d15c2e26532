"""Reports that a bakery signs as Standard Webhooks says, in place of a key."""

import json
from time import time

import pytest

from app.web.auth import WRONG_SIGNATURE
from tests.support.apps import client_with
from tests.support.factories import make_bakery, make_feedstock, make_run
from tests.support.signed import post_signed, standard_webhook

CHALLENGE = "Hmac-Sha256 realm=pangeo-forge, header=webhook-signature"
ANOTHER = "whsec_" + "A" * 43 + "="


@pytest.fixture
def bakery(app):
    return make_bakery(app)


@pytest.fixture
def path(bakery):
    return f"/bakeries/{bakery.id}/reports"


@pytest.fixture
def secret(admin, bakery):
    return admin.post(f"/bakeries/{bakery.id}/webhook-secret", json={}).json["secret"]


@pytest.fixture
def report(app, bakery):
    """A report about a run of the bakery."""
    return {"run_id": make_run(app, bakery_id=bakery.id).id, "status": "in_progress"}


def refusal(response):
    return response.status_code, response.json["detail"], response.headers.get("WWW-Authenticate")


def test_the_tests_sign_as_the_specification_says():
    headers = standard_webhook(
        "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        b'{"test": 2432232314}',
        message_id="msg_p5jXN8AQM9LWM0D4loKWxJek",
        at=1614265330,
    )
    assert headers["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_a_signed_report_needs_no_key(client, path, secret, report):
    response = post_signed(client, path, secret, report)
    assert (response.status_code, response.json["status"]) == (200, "in_progress")


def test_the_history_and_the_audit_log_name_the_bakery_that_signed(admin, client, path, bakery, secret, report):
    post_signed(client, path, secret, report)
    (event,) = admin.get(f"/recipe_runs/{report['run_id']}/events").json
    entry = admin.get("/audit?sort=desc&limit=1").json[0]
    assert event["actor"] == entry["actor"] == f"webhook of bakery {bakery.id}"
    assert (entry["action"], entry["resource"], entry["key_id"]) == ("report_recipe_run", "recipe_runs", None)


@pytest.mark.parametrize("others", [["v1,AAAA"], ["v1a,AAAA", "v1,"], ["v2,AAAA"]])
def test_one_of_several_signatures_is_enough(client, path, secret, report, others):
    assert post_signed(client, path, secret, report, others=others).status_code == 200


@pytest.mark.parametrize("seconds", [-290, 290])
def test_the_clock_of_the_runner_may_differ_by_almost_five_minutes(client, path, secret, report, seconds):
    assert post_signed(client, path, secret, report, at=int(time()) + seconds).status_code == 200


@pytest.mark.parametrize("seconds", [-310, 310, -(10**9), 10**12])
def test_a_signature_that_is_five_minutes_off_is_401(client, path, secret, report, seconds):
    response = post_signed(client, path, secret, report, at=int(time()) + seconds)
    assert refusal(response) == (401, WRONG_SIGNATURE, CHALLENGE)


@pytest.mark.parametrize(
    ("header", "value"),
    [
        ("webhook-id", ""),
        ("webhook-id", "msg_another"),
        ("webhook-timestamp", ""),
        ("webhook-timestamp", "yesterday"),
        ("webhook-timestamp", "1e999"),
        ("webhook-timestamp", "nan"),
        ("webhook-signature", "nonsense"),
        ("webhook-signature", "v1,"),
        ("webhook-signature", "v1,AAAA"),
        ("webhook-signature", "v1,%%%"),
        ("webhook-signature", "v1,a,b"),
        ("webhook-signature", "v1,\xe9"),
        ("webhook-signature", " "),
    ],
)
def test_a_header_that_was_changed_is_401(client, path, secret, report, header, value):
    body = json.dumps(report).encode()
    headers = standard_webhook(secret, body) | {header: value}
    environ = {f"HTTP_{name.upper().replace('-', '_')}": text for name, text in headers.items()}
    assert refusal(client.post(path, data=body, environ_overrides=environ))[0] == 401


@pytest.mark.parametrize("body", [b"", b"{}", b"\xff", b"[]", b'{"run_id": 1}'])
def test_a_body_that_was_changed_is_401_before_it_is_parsed(client, path, secret, report, body):
    headers = standard_webhook(secret, json.dumps(report).encode())
    response = client.post(path, data=body, headers=headers)
    assert refusal(response) == (401, WRONG_SIGNATURE, CHALLENGE)


def test_the_secret_of_another_bakery_is_401(app, admin, client, path, secret, report):
    other = admin.post(f"/bakeries/{make_bakery(app).id}/webhook-secret", json={}).json["secret"]
    assert refusal(post_signed(client, path, other, report)) == (401, WRONG_SIGNATURE, CHALLENGE)


@pytest.mark.parametrize("number", ["0", "99999", "9999999999", "abc", "-1", "%00"])
def test_a_bakery_that_does_not_exist_is_401_for_a_signature(client, number):
    response = post_signed(client, f"/bakeries/{number}/reports", ANOTHER, {})
    assert refusal(response) == (401, WRONG_SIGNATURE, CHALLENGE)


def test_a_wrong_signature_is_refused_although_there_is_a_valid_key(app, admin, path, report):
    response = post_signed(admin, path, ANOTHER, report)
    assert refusal(response) == (401, WRONG_SIGNATURE, CHALLENGE)


def test_a_signed_body_that_is_no_report_is_refused_after_its_signature(client, path, secret):
    body = b"{"
    response = client.post(path, data=body, headers=standard_webhook(secret, body))
    assert response.status_code == 400
    assert post_signed(client, path, secret, {"nope": 1}).status_code == 422


def test_a_bakery_reports_only_its_own_runs(app, client, path, secret):
    other = make_run(app)
    response = post_signed(client, path, secret, {"run_id": other.id})
    bakery = path.split("/")[2]
    assert (response.status_code, response.json["detail"]) == (
        404,
        f"recipe run {other.id} not found in bakery {bakery}",
    )


def test_a_signature_writes_nothing_but_reports(client, path, secret, bakery):
    body = json.dumps({"description": "mine"}).encode()
    response = client.patch(f"/bakeries/{bakery.id}", data=body, headers=standard_webhook(secret, body))
    assert response.status_code == 403


def test_a_signed_report_that_is_repeated_is_done_once(app, client, path, secret):
    report = {"external_id": "job-1", "feedstock_id": make_feedstock(app).id, "recipe_id": "r", "head_sha": "a"}
    first, again = (
        post_signed(client, path, secret, report, message_id="msg_1", at=int(time()) - age) for age in (60, 0)
    )
    assert (first.status_code, again.status_code, again.json) == (201, 201, first.json)
    assert again.headers["Idempotency-Replayed"] == "true"
    assert again.headers["Location"] == first.headers["Location"]


def test_a_repetition_is_found_after_the_secret_was_rotated(app, admin, client, path, secret, bakery, report):
    first = post_signed(client, path, secret, report, message_id="msg_1")
    new = admin.post(f"/bakeries/{bakery.id}/webhook-secret", json={}).json["secret"]
    again = post_signed(client, path, new, report, message_id="msg_1")
    assert (again.json, again.headers["Idempotency-Replayed"]) == (first.json, "true")


def test_a_message_id_of_another_report_is_422(client, path, secret, report):
    post_signed(client, path, secret, report, message_id="msg_1")
    response = post_signed(client, path, secret, report | {"status": "queued"}, message_id="msg_1")
    assert response.json["errors"] == [
        {"in": "header", "pointer": "/webhook-id", "detail": "webhook-id msg_1 was used for another request."}
    ]


def test_a_key_may_report_too_with_an_idempotency_key(writer, path, report):
    first, again = (writer.post(path, json=report, headers={"Idempotency-Key": "one"}) for _ in range(2))
    assert (again.json, again.headers["Idempotency-Replayed"]) == (first.json, "true")


def test_a_key_of_another_bakery_may_not_report(app, admin, path, report):
    made = admin.post("/api-keys", json={"scopes": [f"bakery:{make_bakery(app).id}"]}).json
    assert client_with(app, made["key"]).post(path, json=report).status_code == 403


@pytest.mark.parametrize("label", ["webhook of bakery 1", "Webhook of GitHub", " WEBHOOK OF anything"])
def test_no_key_is_labelled_like_a_signature(admin, label):
    assert admin.post("/api-keys", json={"label": label}).status_code == 422
