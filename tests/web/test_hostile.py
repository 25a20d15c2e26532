"""Every hostile request of `tests.support.hostile` gets exactly the expected answer and changes nothing."""

from http import HTTPStatus

import pytest

from app.extensions import Base, db
from tests.support.factories import make_bakery, make_feedstock, make_run
from tests.support.hostile import bodies, keys, reads, runs

FAMILIES = [family.REQUESTS for family in (reads, keys, bodies, runs)]
REQUESTS = {name: row for family in FAMILIES for name, row in family.items()}
ERRORS = {413: "Request Entity Too Large"}


@pytest.fixture(scope="module")
def filled(module_app):
    """An application with one record of each kind. Each has the id 1."""
    bakery, feedstock = make_bakery(module_app, id=1, name="taken"), make_feedstock(module_app, id=1)
    make_run(module_app, id=1, bakery_id=bakery.id, feedstock_id=feedstock.id)
    return module_app


@pytest.fixture(scope="module")
def before(filled):
    return rows(filled)


@pytest.fixture
def target(filled):
    """The application, whose limits of requests are those of a new one."""
    filled.extensions["limits"].storage.reset()
    return filled


def send(client, method, path, headers=None, body=b""):
    return client.open(path, method=method, headers=headers, data=body)


def rows(app):
    """All rows of the database."""
    with app.app_context():
        return {table.name: db.session.execute(table.select()).all() for table in Base.metadata.sorted_tables}


def problem(status, found):
    """The body of an error without the request id. `found` is its detail or its list of errors."""
    body = {"type": "about:blank", "title": ERRORS.get(status, HTTPStatus(status).phrase), "status": status}
    if isinstance(found, str):
        return body | {"detail": found}
    return body | {"detail": " ".join(error["detail"] for error in found), "errors": found}


def test_the_hostile_requests_have_unique_names():
    assert len(REQUESTS) == sum(map(len, FAMILIES)) > 200


@pytest.mark.parametrize(("request_", "answer"), REQUESTS.values(), ids=REQUESTS)
def test_a_hostile_request_is_answered_exactly(target, before, request_, answer):
    response = send(target.test_client(), *request_)
    assert (response.status_code, response.content_type) == (answer[0], "application/problem+json")
    found = response.json
    assert found.pop("request_id") == response.headers["X-Request-ID"]
    assert found == problem(*answer)
    assert rows(target) == before
