"""The load generator reports the answers of the service."""

from urllib.parse import urlsplit

import pytest

from tests.support.load import get, post, rate, run


@pytest.fixture
def port(service):
    return urlsplit(service).port


def test_every_request_has_an_answer(port):
    answers = run(port, get("/recipe_runs/"), get("/recipe_runs/99"), count=51, connections=4)
    assert sorted(answer.status for answer in answers) == [200] * 26 + [404] * 25
    assert all(answer.seconds > 0 for answer in answers)


def test_an_answer_has_its_headers(port):
    [answer] = run(port, post("/recipe_runs/", {}, "no key"), count=1)
    assert answer.status == 401
    assert "www-authenticate: bearer " in answer.headers.lower()


def test_the_rate_of_failed_requests_is_an_error(port):
    assert rate(port, get("/stats/recipe_runs"), seconds=0.1) > 0
    with pytest.raises(RuntimeError, match="404"):
        rate(port, get("/no"), seconds=0.1)
