"""A record is not deleted if any row of any table refers to it."""

import pytest
from sqlalchemy import Column, ForeignKey, Integer, Table, insert

from app.extensions import db
from app.models import Bakery
from tests.support.apps import ADMIN_KEY, application, client_with
from tests.support.factories import make_bakery, make_run


@pytest.fixture
def permits():
    """A table that refers to bakeries, like a table of a later release."""
    table = Table("permit", db.metadata, Column("id", Integer, primary_key=True), Column("to", ForeignKey(Bakery.id)))
    yield table
    db.metadata.remove(table)


def test_a_bakery_with_references_from_any_table_is_not_deleted(migrated_url, permits):
    with application(migrated_url) as app:
        bakery = make_bakery(app).id
        make_run(app, bakery_id=bakery)
        with app.app_context(), db.engine.begin() as connection:
            permits.create(connection)
            connection.execute(insert(permits), [{"to": bakery}] * 2)
        answer = client_with(app, ADMIN_KEY).delete(f"/bakeries/{bakery}")
    assert answer.status_code == 409
    assert answer.json["detail"] == f"bakery {bakery} has 2 permit rows and 1 recipe run; delete those first."
