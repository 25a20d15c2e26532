"""The request bodies of a process share a budget of bytes."""

import pytest

from app.web import body_budget

BAKERY = {"region": "us-central1", "name": "budget", "description": ""}


@pytest.fixture
def small_budget(app, monkeypatch):
    """A budget of 100 bytes."""
    budget = body_budget.Budget(100)
    monkeypatch.setitem(app.extensions, "body_budget", budget)
    return budget


def test_a_body_beyond_the_rest_of_the_budget_is_503(admin, small_budget):
    assert small_budget.take(60)
    answer = admin.post("/bakeries/", json=BAKERY)
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")
    assert answer.json["detail"].startswith("The service is reading as many request bodies")


@pytest.mark.parametrize("body", [BAKERY, {"region": 1}])
def test_the_budget_is_released_after_any_answer(admin, small_budget, body):
    for _ in range(3):
        assert admin.post("/bakeries/", json=body).status_code != 503
    assert small_budget.left == 100


def test_a_chunked_body_counts_as_the_longest_allowed(admin, small_budget):
    headers = {"Transfer-Encoding": "chunked", "Content-Type": "application/json"}
    assert admin.post("/bakeries/", data=b"{}", headers=headers, content_length=None).status_code == 503


def test_a_caller_without_a_key_uses_no_budget(client, small_budget):
    small_budget.take(100)
    assert client.post("/bakeries/", json=BAKERY).status_code == 403


def test_a_signed_body_uses_a_budget_of_its_own(app, admin, monkeypatch, small_budget):
    monkeypatch.setitem(app.config, "GITHUB_WEBHOOK_SECRET", "secret")
    signed = body_budget.Budget(10)
    monkeypatch.setitem(app.extensions, "signed_body_budget", signed)
    headers = {"X-Hub-Signature-256": "sha256=00"}
    answers = [admin.post("/github/hooks/", data=b"x" * size, headers=headers).status_code for size in (10, 11, 10)]
    assert (answers, signed.left, small_budget.left) == ([401, 503, 401], 10, 100)


def test_a_bakery_without_a_secret_is_refused_before_the_body_is_read(app, client, monkeypatch):
    monkeypatch.setitem(app.extensions, "signed_body_budget", body_budget.Budget(0))
    response = client.post("/bakeries/1/reports", json={}, headers={"webhook-signature": "v1,AAAA"})
    assert response.status_code == 401


def test_a_request_without_a_body_uses_no_budget(admin, small_budget):
    small_budget.take(100)
    assert admin.delete("/bakeries/99").status_code == 404
