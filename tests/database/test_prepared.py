"""What is planned once a connection: the same answers, whatever becomes of the connection or of the tables."""

import psycopg2
import pytest
from sqlalchemy import text
from sqlalchemy.exc import OperationalError

from app.database import engine, rows, statements
from app.extensions import db
from app.models import RecipeRun
from tests.database.test_faults import assert_unavailable, cut_others
from tests.support import postgres
from tests.support.databases import application, upgrade
from tests.support.factories import make_run
from tests.support.plans import scans

PREPARED = "SELECT name, generic_plans, custom_plans FROM pg_prepared_statements WHERE statement LIKE '%JOIN bakery%'"


@pytest.fixture
def looked_up(postgres_url):
    """A client, and the path of a run that it has looked up ten times, on one connection."""
    with application(postgres_url) as app:
        upgrade(app)
        client, path = app.test_client(), f"/recipe_runs/{make_run(app).id}"
        assert {client.get(path).status_code for _ in range(10)} == {200}
        yield client, path


def test_a_run_is_looked_up_by_one_plan_after_a_few_times(looked_up):
    client, _ = looked_up
    with client.application.app_context(), db.engine.connect() as connection:
        [(name, generic, custom)] = connection.execute(text(PREPARED))
        assert (generic, custom) == (5, 5)  # PostgreSQL tries five times whether values make a difference
        plan = connection.exec_driver_sql(f"EXPLAIN (FORMAT JSON) EXECUTE {name} (1)").scalar_one()[0]["Plan"]
    assert "reciperun_pkey" in set(scans(plan))


def test_another_connection_plans_anew(looked_up, postgres_url, monkeypatch):
    client, path = looked_up
    monkeypatch.setattr(engine, "PING_AFTER", 0)
    cut_others(postgres_url)
    assert client.get(path).status_code == 200


def test_a_column_that_has_another_type_by_now_is_503_once(looked_up, postgres_url):
    client, path = looked_up
    before = client.get(path).json
    postgres.execute(postgres_url, "ALTER TABLE bakery ALTER COLUMN region TYPE varchar(99)")
    assert_unavailable(client.get(path))
    assert client.get(path).json == before


def test_an_error_names_the_statement_itself(looked_up, monkeypatch):
    client, _ = looked_up
    monkeypatch.setattr(statements, "fetch_all", fail)
    with client.application.test_request_context(), pytest.raises(OperationalError, match="JOIN bakery"):
        rows.one(RecipeRun, ("id", "bakery.name"), 1)


def fail(*_):
    raise psycopg2.OperationalError("no")
