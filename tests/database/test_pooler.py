"""The service keeps its promises behind a connection pooler, where transactions of a session use any connection."""

import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from app.extensions import db
from app.ops import doctor
from config import STATEMENT_TIMEOUT
from tests.database.test_faults import KEY, assert_unavailable
from tests.support import live
from tests.support.apps import ADMIN_KEY, environment, make_app
from tests.support.databases import HEAD, application, check, sql, upgrade
from tests.support.factories import make_bakery, make_run
from tests.support.pooler import pooler
from tests.test_heroku import locked


@pytest.fixture
def pooled_url(postgres_url, tmp_path):
    """An empty database behind a PgBouncer with one connection to it."""
    with pooler(postgres_url, tmp_path) as url:
        yield url


@pytest.fixture
def pooled(pooled_url):
    """An application on a migrated database behind PgBouncer."""
    with application(pooled_url) as app:
        upgrade(app)
        yield app


def test_the_migrations_run_through_a_pooler(pooled):
    check(pooled)
    assert sql(pooled, "SELECT version_num FROM alembic_version") == [(HEAD,)]


def test_records_are_written_and_read_through_a_pooler(pooled):
    client, run = pooled.test_client(), make_run(pooled)
    path = f"/recipe_runs/{run.id}"
    assert client.patch(path, json={"version": "2"}, headers=KEY).json["version"] == "2"
    assert client.get(path).json["version"] == "2"
    assert client.get("/stats/recipe_runs").json == {"count": 1}
    assert client.delete(path, headers=KEY).status_code == 200


def test_a_restarted_service_answers_with_the_sessions_that_the_pooler_kept(pooled, pooled_url):
    path = f"/bakeries/{make_bakery(pooled).id}"
    for _ in range(3):
        app = make_app(pooled_url)
        assert {app.test_client().get(path).status_code for _ in range(10)} == {200}
        with app.app_context():
            db.engine.dispose()


def test_many_clients_share_the_one_connection_of_a_pooler(pooled):
    path = f"/bakeries/{make_bakery(pooled).id}"
    with ThreadPoolExecutor(8) as clients:
        statuses = clients.map(lambda _: pooled.test_client().get(path).status_code, range(300))
        assert set(statuses) == {200}


@pytest.fixture
def app_with_short_limits(pooled):
    """The application with a time limit of 0.2 seconds for statements and locks."""
    with pooled.app_context():
        db.engine.update_execution_options(statement_timeout=200, lock_timeout=200)
    return pooled


@pytest.mark.parametrize(("method", "path"), [("GET", "/bakeries/"), ("POST", "/bakeries/"), ("GET", "/recipe_runs/1")])
def test_a_locked_table_is_503_in_time_behind_a_pooler(app_with_short_limits, postgres_url, method, path):
    body = {"region": "r", "name": "n", "description": ""}
    with locked(postgres_url, "bakery"):
        began = time.monotonic()
        assert_unavailable(app_with_short_limits.test_client().open(path, method=method, json=body, headers=KEY))
        assert time.monotonic() - began < STATEMENT_TIMEOUT / 1000
    assert app_with_short_limits.test_client().get("/bakeries/").status_code == 200


def test_a_statement_that_takes_too_long_is_503_behind_a_pooler(app_with_short_limits, monkeypatch):
    slow = db.text("SELECT pg_sleep(20)")
    monkeypatch.setitem(app_with_short_limits.view_functions, "stats.count_bakeries", lambda: db.session.execute(slow))
    assert_unavailable(app_with_short_limits.test_client().get("/stats/bakeries"))


def test_the_limits_of_a_transaction_end_with_it(pooled, postgres_url):
    assert pooled.test_client().get("/bakeries/").status_code == 200
    with pooled.app_context(), db.engine.connect() as connection:
        connection.connection.driver_connection.autocommit = True
        cursor = connection.connection.cursor()
        cursor.execute("SHOW lock_timeout")
        assert cursor.fetchone() == ("0",)


def test_the_doctor_reports_the_pooler(pooled):
    with pooled.app_context():
        sentences = {name: (well, sentence) for name, sentence, well in doctor.examine()}
    well, sentence = sentences["connections"]
    assert well
    assert sentence.startswith("A connection pooler is in front of PostgreSQL. 1 workers open up to 8 connections")
    assert sentence.endswith("Migrations go through it, too.")


def test_migrations_can_bypass_the_pooler(postgres_url, flask_programs, tmp_path):
    with pooler(postgres_url, tmp_path) as pooled:
        settings = environment(pooled, MIGRATION_DATABASE_URL=environment(postgres_url)["DATABASE_URL"])
    # The pooler does not run any more, so the migrations used the other address.
    assert live.flask(settings, "db", "upgrade", programs=flask_programs).returncode == 0
    app = make_app(postgres_url)
    assert sql(app, "SELECT version_num FROM alembic_version") == [(HEAD,)]


def test_heroku_s_pooler_serves_and_migrations_use_the_database_url(pooled, pooled_url, postgres_url, flask_programs):
    settings = environment(postgres_url, DATABASE_CONNECTION_POOL_URL=environment(pooled_url)["DATABASE_URL"])
    with live.server(settings) as address:
        body = {"region": "r", "name": "n", "description": ""}
        assert live.post(f"{address}/bakeries/", body, ADMIN_KEY)["id"] == 1
    examined = live.flask(settings, "doctor", programs=flask_programs)
    assert "Migrations connect past it." in examined.stdout
