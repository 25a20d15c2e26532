"""Every hostile request of `tests.support.hostile` gets exactly the expected answer and changes nothing."""

from http import HTTPStatus

import pytest

from app.extensions import Base, db
from tests.support.factories import make_bakery, make_feedstock, make_run
from tests.support.hostile import bodies, keys, reads, runs

FAMILIES = [family.REQUESTS for family in (reads, keys, bodies, runs)]
REQUESTS = {name: row for family in FAMILIES for name, row in family.items()}
ERRORS = {413: "Request Entity Too Large"}


@pytest.fixture
def target(app):
    """An application with one record of each kind. Each has the id 1."""
    make_run(app, id=1, bakery_id=make_bakery(app, id=1, name="taken").id, feedstock_id=make_feedstock(app, id=1).id)
    return app


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
def test_a_hostile_request_is_answered_exactly(target, request_, answer):
    before = rows(target)
    response = send(target.test_client(), *request_)
    assert (response.status_code, response.content_type) == (answer[0], "application/problem+json")
    found = response.json
    assert found.pop("request_id") == response.headers["X-Request-ID"]
    assert found == problem(*answer)
    assert rows(target) == before
