"""A database that is down, slow, locked or out of connections is 503 with Retry-After. The service then recovers."""

import re
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from functools import partial
from threading import Barrier

import pytest
from sqlalchemy.engine import URL, make_url

from app import create_app
from app.database import engine as app_engine
from app.extensions import db
from config import load
from tests.support import postgres
from tests.support.apps import ADMIN_KEY, environment
from tests.support.databases import application, on_postgresql, on_sqlite, other_program, sql
from tests.support.factories import STARTED_AT, make_bakery, make_key, make_run, run_body

UNAVAILABLE = "The database did not answer in time. Try again in a few seconds."
NO_RIGHT = "The service lacks a right in its database. Its operator has to grant it: `flask doctor` says which."
FULL = "The database has no space left. Its operator has to free some."
READ_ONLY = "The database is read-only at the moment. Try again in a few seconds."
KEY = {"X-API-Key": ADMIN_KEY}
ORIGIN = {"Origin": "https://pangeo-forge.org"}
API = [
    *(("GET", f"/{noun}{path}") for noun in ("bakeries", "feedstocks", "recipe_runs") for path in ("/", "/1", "/x")),
    *(("POST", f"/{noun}") for noun in ("bakeries", "feedstocks", "recipe_runs", "api-keys")),
    *((method, f"/{noun}/1") for noun in ("bakeries", "feedstocks", "recipe_runs") for method in ("PATCH", "DELETE")),
    *(("GET", f"/stats/{noun}") for noun in ("bakeries", "feedstocks", "recipe_runs", "datasets")),
    ("GET", "/feedstocks/1/datasets"),
    *(("GET", path) for path in ("/api-keys", "/api-keys/1", "/api-keys/me", "/audit")),
    ("GET", "/readyz"),
]


def short_timeouts(url):
    """Engine options with a time limit of 0.2 seconds for locks and statements."""
    if url.get_backend_name() == "sqlite":
        return {"connect_args": {"timeout": 0.2}}
    return {"execution_options": {"statement_timeout": 200, "lock_timeout": 200}}


def occupy_a_connection():
    """A view that holds its connection for 1.5 seconds."""
    db.session.connection()
    time.sleep(1.5)
    return {}


def assert_unavailable(response, detail=UNAVAILABLE):
    assert response.status_code == 503
    assert response.content_type == "application/problem+json"
    assert list(response.json) == ["type", "title", "status", "detail", "request_id"]
    assert response.json["detail"] == detail
    assert response.headers["Retry-After"] == "5"
    assert "Access-Control-Allow-Origin" in response.headers


@pytest.fixture(scope="module", params=["postgresql", "sqlite"])
def app_without_database(request):
    """An application whose database does not exist."""
    if request.param == "sqlite":
        url = URL.create("sqlite", database="/nowhere/at/all.sqlite")
    else:
        url = make_url(f"postgresql://forge:hunter2@127.0.0.1:{postgres.free_port()}/catalogue")
    return create_app(load(environment(url)))


@pytest.mark.parametrize(("method", "path"), API)
def test_without_a_database_every_path_of_the_api_is_503(app_without_database, method, path):
    response = app_without_database.test_client().open(path, method=method, json={}, headers=KEY | ORIGIN)
    assert_unavailable(response)
    assert response.headers["Access-Control-Allow-Origin"] == "*"
    assert "Retry-After" in response.headers["Access-Control-Expose-Headers"]


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/", 200),
        ("GET", "/healthz", 200),
        ("GET", "/docs", 200),
        ("GET", "/openapi.json", 200),
        ("GET", "/redoc", 308),
        ("OPTIONS", "/bakeries/", 200),
        ("GET", "/nope", 404),
        ("PUT", "/bakeries/", 405),
    ],
)
def test_without_a_database_all_other_paths_still_answer(app_without_database, method, path, status):
    assert app_without_database.test_client().open(path, method=method).status_code == status


def test_the_log_has_one_line_with_the_cause_and_the_request_id_but_no_password(app_without_database, caplog):
    app_without_database.test_client().get("/bakeries/", headers={"X-Request-ID": "lost-1"})
    (record,) = [record for record in caplog.records if record.name == "app.web.problems"]
    assert (record.getMessage(), record.request_id, record.exc_info) == ("database unavailable", "lost-1", None)
    assert record.error == "OperationalError"
    assert re.search("Connection refused|unable to open database file", record.cause)
    assert "\n" not in record.cause
    assert "hunter2" not in caplog.text


def test_a_pool_without_a_free_connection_is_503_until_one_is_free(migrated_url):
    with application(migrated_url, {"pool_size": 2, "pool_timeout": 1}) as app:
        with app.app_context():
            engine = db.engine
        with engine.connect(), engine.connect():
            assert_unavailable(app.test_client().get("/bakeries/"))
        assert app.test_client().get("/bakeries/").status_code == 200


def test_more_clients_than_connections_get_200_or_503_and_never_500(migrated_url, monkeypatch):
    with application(migrated_url, {"pool_size": 2, "pool_timeout": 1}) as app:
        monkeypatch.setitem(app.view_functions, "stats.count_bakeries", occupy_a_connection)
        barrier = Barrier(8)

        def read(_):
            barrier.wait()
            return app.test_client().get("/stats/bakeries").status_code

        with ThreadPoolExecutor(8) as pool:
            assert set(pool.map(read, range(8))) == {200, 503}
        assert app.test_client().get("/bakeries/").status_code == 200


def test_a_record_that_another_program_locks_is_503_until_it_is_unlocked(migrated_url):
    with application(migrated_url, short_timeouts(migrated_url)) as app:
        client, path = app.test_client(), f"/bakeries/{make_bakery(app, region='us').id}"
        with other_program(migrated_url, "UPDATE bakery SET region = 'moon'"):
            assert_unavailable(client.patch(path, json={"region": "eu"}, headers=KEY))
            assert_unavailable(client.delete(path, headers=KEY))
        assert client.patch(path, json={}, headers=KEY).json["region"] == "us"


def test_readers_are_served_while_another_program_writes(migrated_url):
    with application(migrated_url, short_timeouts(migrated_url)) as app:
        bakery = make_bakery(app, region="us")
        with other_program(migrated_url, "UPDATE bakery SET region = 'moon'"):
            assert app.test_client().get(f"/bakeries/{bakery.id}").json["region"] == "us"
            assert app.test_client().get("/stats/bakeries").json == {"count": 1}


def test_writers_are_served_while_another_program_reads(migrated_url):
    with application(migrated_url, short_timeouts(migrated_url)) as app:
        client, path = app.test_client(), f"/bakeries/{make_bakery(app).id}"
        with other_program(migrated_url, "SELECT * FROM bakery"):
            assert client.patch(path, json={"region": "eu"}, headers=KEY).json["region"] == "eu"
            assert client.delete(path, headers=KEY).status_code == 200


@on_postgresql
def test_a_statement_that_takes_too_long_is_503(migrated_url, monkeypatch):
    with application(migrated_url, short_timeouts(migrated_url)) as app:
        slow = db.text("SELECT pg_sleep(20)")
        monkeypatch.setitem(app.view_functions, "stats.count_bakeries", lambda: db.session.execute(slow))
        assert_unavailable(app.test_client().get("/stats/bakeries"))
        assert app.test_client().get("/stats/feedstocks").status_code == 200


@on_postgresql
def test_a_write_to_a_read_only_database_is_503(migrated_url):
    with application(migrated_url) as app:
        postgres.execute(migrated_url, f"ALTER DATABASE {migrated_url.database} SET default_transaction_read_only = on")
        with app.app_context():
            db.engine.dispose()
        assert_unavailable(app.test_client().post("/feedstocks/", json={"spec": "a/b"}, headers=KEY), READ_ONLY)
        assert app.test_client().get("/feedstocks/").json == []


@on_postgresql
def test_connections_made_while_the_database_was_read_only_are_replaced_afterwards(postgres_server, migrated_url):
    read_only = f"ALTER DATABASE {migrated_url.database} SET default_transaction_read_only = "
    with application(migrated_url) as app:
        postgres.execute(postgres_server, f"{read_only} on")
        with app.app_context():
            db.engine.dispose()
        refused = app.test_client().post("/feedstocks/", json={"spec": "a/b"}, headers=KEY)
        postgres.execute(postgres_server, f"{read_only} off")
        created = app.test_client().post("/feedstocks/", json={"spec": "a/b"}, headers=KEY)
    assert_unavailable(refused, READ_ONLY)
    assert created.status_code == 201


WRITES = [
    ("POST", "/recipe_runs/", {}),
    ("POST", "/recipe_runs/", {"Idempotency-Key": "once"}),
    ("PATCH", "/recipe_runs/1", {}),
    ("DELETE", "/recipe_runs/1", {}),
]


@pytest.mark.parametrize(("method", "path", "headers"), WRITES)
@pytest.mark.parametrize("last_used_at", [None, STARTED_AT])
@on_postgresql
def test_every_write_with_any_key_says_that_the_database_is_read_only(
    migrated_url, method, path, headers, last_used_at
):
    with application(migrated_url) as app:
        make_key(app, "ordinary", last_used_at=last_used_at)
        make_run(app)
        body = run_body(app, bakery_id=1, feedstock_id=1) if method == "POST" else {"version": "2"}
        postgres.execute(migrated_url, f"ALTER DATABASE {migrated_url.database} SET default_transaction_read_only = on")
        with app.app_context():
            db.engine.dispose()
        headers = headers | {"X-API-Key": "ordinary"}
        assert_unavailable(app.test_client().open(path, method=method, json=body, headers=headers), READ_ONLY)


@on_sqlite
def test_a_write_to_a_read_only_file_is_503_with_this_reason(migrated_url, monkeypatch):
    with application(migrated_url) as app:
        read_only = db.text("PRAGMA query_only = on")  # as a file without rights; root has all rights

        def write():
            db.session.execute(read_only)
            db.session.execute(db.text("DELETE FROM bakery"))

        monkeypatch.setitem(app.view_functions, "stats.count_bakeries", write)
        assert_unavailable(app.test_client().get("/stats/bakeries"), READ_ONLY)


@on_sqlite
def test_a_full_disk_is_503_with_this_reason(migrated_url, monkeypatch):
    with application(migrated_url) as app:
        make_bakery(app)

        def write():
            db.session.execute(db.text("PRAGMA max_page_count = 1"))
            db.session.execute(db.text("UPDATE bakery SET description = hex(zeroblob(100000))"))

        monkeypatch.setitem(app.view_functions, "stats.count_bakeries", write)
        assert_unavailable(app.test_client().get("/stats/bakeries"), FULL)


def test_a_missing_table_is_a_bug_and_logged_with_its_traceback(migrated_url, caplog):
    with application(migrated_url) as app:
        sql(app, "DROP TABLE idempotency_key")
        headers = KEY | {"Idempotency-Key": "once"}
        assert app.test_client().post("/feedstocks/", json={"spec": "a/b"}, headers=headers).status_code == 500
        assert "FROM idempotency_key" in caplog.text


@pytest.mark.parametrize(
    ("kind", "too_large"),
    [
        ("postgresql", "SELECT CAST(repeat('x', 2047) AS tsvector)"),
        ("sqlite", "SELECT zeroblob(2147483647)"),
    ],
    indirect=["kind"],
)
def test_a_value_that_is_too_large_is_a_bug_and_no_database_that_does_not_answer(
    migrated_url, too_large, monkeypatch, caplog
):
    with application(migrated_url) as app:
        statement = db.text(too_large)
        monkeypatch.setitem(app.view_functions, "stats.count_bakeries", lambda: db.session.execute(statement))
        assert app.test_client().get("/stats/bakeries").status_code == 500
        assert too_large in caplog.text


@pytest.fixture
def role(migrated_url):
    """The URL of the database with the name of a new role, which may read and write all tables, and no more."""
    name = migrated_url.database.replace("pangeo_forge", "role")
    postgres.execute(migrated_url, f"CREATE ROLE {name} LOGIN")
    postgres.execute(migrated_url, f"GRANT ALL ON ALL TABLES IN SCHEMA public TO {name}")
    yield migrated_url.set(username=name)
    postgres.execute(migrated_url, f"DROP OWNED BY {name}")
    postgres.execute(migrated_url, f"DROP ROLE {name}")


@on_postgresql
def test_a_missing_right_on_a_sequence_is_503_until_it_is_granted(migrated_url, role, caplog):
    with application(role) as app:
        created = partial(app.test_client().post, "/feedstocks/", json={"spec": "a/b"}, headers=KEY)
        assert_unavailable(created(), NO_RIGHT)
        assert "permission denied for sequence feedstock_id_seq" in [getattr(r, "cause", "") for r in caplog.records]
        postgres.execute(migrated_url, f"GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO {role.username}")
        assert created().status_code == 201


@pytest.mark.parametrize("table", ["alembic_version", "bakery"])
@on_postgresql
def test_a_missing_right_on_a_table_is_503(migrated_url, role, table):
    postgres.execute(migrated_url, f"REVOKE SELECT ON {table} FROM {role.username}")
    with application(role) as app:
        assert_unavailable(app.test_client().get("/bakeries/"), NO_RIGHT)
        assert_unavailable(app.test_client().get("/bakeries/1"), NO_RIGHT)


def cut_others(url):
    """Terminate all other connections to the database at `url`."""
    others = "datname = current_database() AND pid <> pg_backend_pid()"
    assert postgres.execute(url, f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {others}")


@on_postgresql
def test_a_connection_that_was_cut_while_idle_is_replaced_without_an_error(migrated_url, monkeypatch):
    monkeypatch.setattr(app_engine, "PING_AFTER", 0)
    with application(migrated_url) as app:
        assert app.test_client().get("/bakeries/").status_code == 200
        cut_others(migrated_url)
        assert app.test_client().get("/bakeries/").status_code == 200


@on_postgresql
def test_a_connection_that_was_cut_just_after_a_request_is_503_once(migrated_url, monkeypatch):
    monkeypatch.setattr(app_engine, "PING_AFTER", 60)
    with application(migrated_url) as app:
        assert app.test_client().get("/bakeries/").status_code == 200
        cut_others(migrated_url)
        assert_unavailable(app.test_client().get("/bakeries/"))
        assert app.test_client().get("/bakeries/").status_code == 200


@on_postgresql
def test_connections_that_were_cut_are_replaced_by_the_same_number(migrated_url, monkeypatch):
    monkeypatch.setattr(app_engine, "PING_AFTER", 60)
    with application(migrated_url, {"pool_size": 2}) as app:
        with app.app_context():
            engine = db.engine
        pool = engine.pool
        for connection in [engine.raw_connection() for _ in range(2)]:
            connection.close()
        cut_others(migrated_url)
        assert_unavailable(app.test_client().get("/bakeries/"))
        assert app.test_client().get("/bakeries/").status_code == 200
        with closing(engine.raw_connection()), closing(engine.raw_connection()) as other:
            assert engine.pool is pool
            other.cursor().execute("SELECT 1")


@on_postgresql
def test_a_connection_that_is_cut_during_a_request_is_503_and_the_next_is_served(migrated_url, monkeypatch):
    with application(migrated_url) as app:
        cut = db.text("SELECT pg_terminate_backend(pg_backend_pid())")
        monkeypatch.setitem(app.view_functions, "stats.count_bakeries", lambda: db.session.execute(cut))
        assert_unavailable(app.test_client().get("/stats/bakeries"))
        assert app.test_client().get("/stats/feedstocks").status_code == 200


@on_postgresql
def test_a_database_that_refuses_new_connections_is_503(postgres_server, migrated_url):
    with application(migrated_url) as app:
        client = app.test_client()
        assert client.get("/recipe_runs/").status_code == 200
        postgres.execute(postgres_server, f"ALTER DATABASE {migrated_url.database} ALLOW_CONNECTIONS false")
        with app.app_context():
            db.engine.dispose()
        for path in ("/recipe_runs/", "/recipe_runs/1", "/stats/recipe_runs"):
            assert_unavailable(client.get(path))
