"""`flask doctor` reports each problem with a sentence, and exits with 1 if there is any."""

import os
import shutil
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from types import SimpleNamespace

import pytest
from sqlalchemy import text
from sqlalchemy.engine import URL

from app.database import deadline
from app.extensions import db
from app.keys import key_digest
from app.ops import doctor
from tests.support import live, postgres
from tests.support.apps import ADMIN_KEY, SALT, environment
from tests.support.databases import HEAD, application, on_postgresql, on_sqlite, sql, upgrade

SCHEMA = ["schema", "ownership", "rights", "sequences", "triggers", "counts", "failures"]
NAMES = ["configuration", "database", "migrations", *SCHEMA, "clock", "connections", "timeouts", "storage", "limits"]


def examine(url, **settings):
    """The reports of the doctor about the database at `url` with these settings, by the name of the check."""
    with application(url) as app:
        app.config.update(settings)
        with app.app_context():
            return {name: (well, sentence) for name, sentence, well in doctor.examine()}


@pytest.fixture
def examined(migrated_url):
    """The function `examine` with a new, migrated database."""
    return partial(examine, migrated_url)


def problems(reports):
    return [name for name, (well, _) in reports.items() if not well]


def test_a_sound_installation_has_no_problem(examined):
    reports = examined()
    assert list(reports) == NAMES
    assert problems(reports) == []


@pytest.mark.parametrize("revision", [None, "0499cef6b57a"])
def test_a_database_behind_its_migrations_says_what_to_run(empty_url, revision):
    with application(empty_url) as app:
        sql(app, "SELECT 1")  # SQLite creates the file
        if revision:
            upgrade(app, revision)
    reports = examine(empty_url)
    assert problems(reports) == ["migrations"]
    assert reports["migrations"][1].endswith(f"this release needs {HEAD}: run `flask db upgrade`.")


def test_a_database_of_a_newer_release_is_a_problem(migrated_url):
    with application(migrated_url) as app:
        sql(app, "UPDATE alembic_version SET version_num = '0099_from_the_future'")
    reports = examine(migrated_url)
    assert problems(reports) == ["migrations"]
    assert "A newer release has migrated the database. Run that release" in reports["migrations"][1]


@pytest.mark.parametrize(
    ("settings", "name"),
    [
        ({"ADMIN_API_KEY_SHA256": key_digest(SALT, "")}, "ADMIN_API_KEY_SHA256"),
        ({"METRICS_KEY_SHA256": key_digest(SALT, "")}, "METRICS_KEY_SHA256"),
        ({"METRICS_KEY_SHA256": "a" * 64, "ADMIN_API_KEY_SHA256": "a" * 64}, "METRICS_KEY_SHA256"),
        ({"DEPLOYMENT": "prod", "PROXY_COUNT": 1, "ENCRYPTION_SALT": "short"}, "ENCRYPTION_SALT"),
        ({"DEPLOYMENT": "prod", "PROXY_COUNT": 1, "GITHUB_WEBHOOK_SECRET": "short"}, "GITHUB_WEBHOOK_SECRET"),
        ({"DEPLOYMENT": "prod", "PROXY_COUNT": 0}, "PROXY_COUNT"),
    ],
)
@on_sqlite
def test_valid_but_unsafe_settings_are_problems(examined, settings, name):
    reports = examined(**settings)
    assert problems(reports) == ["configuration"]
    assert reports["configuration"][1].startswith(name)


@on_postgresql
def test_more_connections_than_postgresql_has_is_a_problem(examined):
    reports = examined(WORKERS=1000)
    assert problems(reports) == ["connections"]
    assert reports["connections"][1].startswith(
        "1000 workers with 8 connections each, and 3 for commands, are more than"
    )


@pytest.mark.parametrize("limited", ["DATABASE {0.database}", "ROLE {0.username}"])
@on_postgresql
def test_the_doctor_respects_the_connection_limits_of_database_and_role(examined, migrated_url, limited):
    limited = limited.format(migrated_url)
    postgres.execute(migrated_url, f"ALTER {limited} CONNECTION LIMIT 5")
    try:
        assert problems(examined()) == ["connections"]
    finally:
        postgres.execute(migrated_url, f"ALTER {limited} CONNECTION LIMIT -1")


def test_a_limits_storage_that_does_not_answer_is_a_problem(migrated_url):
    settings = {"RATELIMIT_STORAGE_URI": f"redis://127.0.0.1:{postgres.free_port()}/0"}
    with application(migrated_url, **settings) as app, app.app_context():
        assert [name for name, _, well in doctor.examine() if not well] == ["limits"]


@on_sqlite
def test_a_missing_file_is_a_problem_and_is_not_created(empty_url):
    with application(empty_url) as app, app.app_context():
        assert [(name, well) for name, _, well in doctor.examine()] == [(NAMES[0], True), (NAMES[1], False)]
    assert not os.path.exists(empty_url.database)


@on_postgresql
def test_a_password_in_the_query_is_not_printed(empty_url):
    with application(empty_url.update_query_dict({"password": "hunter2"})) as app, app.app_context():
        assert "hunter2" not in doctor.database()


@pytest.mark.parametrize(("seconds", "side"), [(60, "behind"), (-60, "ahead of")])
@on_postgresql
def test_a_clock_that_differs_is_a_problem(examined, monkeypatch, seconds, side):
    ask = db.session.scalar
    shifted = text(f"SELECT clock_timestamp() + interval '{seconds} seconds'")
    monkeypatch.setattr(db.session, "scalar", lambda query: ask(shifted if "clock" in str(query) else query))
    reports = examined()
    assert problems(reports) == ["clock"]
    assert reports["clock"][1] == f"The clock here is 60 seconds {side} the database's. Set both with NTP."


@on_postgresql
def test_a_read_only_database_is_a_problem(examined, migrated_url):
    postgres.execute(migrated_url, f"ALTER DATABASE {migrated_url.database} SET default_transaction_read_only = on")
    reports = examined()
    assert problems(reports) == ["storage"]
    assert "because default_transaction_read_only is on (set by: database)" in reports["storage"][1]


@pytest.fixture
def standby():
    """The URL of a migrated database on a standby."""
    with (
        TemporaryDirectory(prefix="standby-", dir=postgres.MEMORY) as folder,
        postgres.cluster(Path(folder), postgres.SETTINGS) as server,
    ):
        with application(server.url) as app:
            upgrade(app)
        server.kill()
        Path(folder, "data", "standby.signal").touch()
        server.start()
        yield server.url


def test_a_standby_is_a_problem_and_refuses_writes_with_this_reason(standby):
    reports = examine(standby)
    assert problems(reports) == ["storage"]
    assert reports["storage"][1].startswith("The server is a standby, which is read-only. Connect to the primary")
    with application(standby) as app:
        created = app.test_client().post("/feedstocks/", json={"spec": "a/b"}, headers={"X-API-Key": ADMIN_KEY})
        assert created.json["detail"] == "The database is read-only at the moment. Try again in a few seconds."
        assert app.test_client().get("/feedstocks/").json == []


@pytest.mark.parametrize("name", ["idle_in_transaction_session_timeout", "statement_timeout"])
@on_postgresql
def test_only_a_time_limit_that_the_service_does_not_set_itself_is_a_problem(examined, migrated_url, name):
    postgres.execute(migrated_url, f"ALTER DATABASE {migrated_url.database} SET {name} = '1s'")
    reports = examined()
    assert problems(reports) == ([] if name == "statement_timeout" else ["timeouts"])
    assert ("1000 ms, which is less than the 15 seconds" in reports["timeouts"][1]) == bool(problems(reports))


@on_postgresql
def test_time_limits_that_are_not_in_force_are_a_problem(examined, monkeypatch):
    monkeypatch.setattr(deadline, "_set_limits", lambda **_: "")
    reports = examined()
    assert problems(reports) == ["timeouts"]
    assert reports["timeouts"][1].startswith("statement_timeout is 0 ms instead of 10000 ms.")


@on_sqlite
def test_a_full_disk_is_a_problem(examined, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=3 * 1024**2))
    reports = examined()
    assert problems(reports) == ["storage"]
    assert reports["storage"][1].endswith("has 3 MiB left. Free some space.")


@on_sqlite
def test_a_file_that_cannot_be_written_is_a_problem(examined, monkeypatch):
    may = os.access  # root, as whom the tests may run, can write any file
    monkeypatch.setattr(os, "access", lambda path, mode: mode != os.W_OK and may(path, mode))
    assert problems(examined()) == ["storage"]


def test_the_command_exits_with_0_without_problems(migrated_url, flask_programs):
    env = environment(migrated_url)
    ended = live.flask(env, "doctor", programs=flask_programs)
    assert ended.returncode == 0
    assert [line.split()[:2] for line in ended.stdout.splitlines()] == [["ok", name] for name in NAMES]


def test_the_command_exits_with_1_and_prints_no_password_without_a_database(flask_programs):
    port = postgres.free_port()
    env = environment(f"postgresql://forge:hunter2@127.0.0.1:{port}/none")
    ended = live.flask(env, "doctor", programs=flask_programs)
    assert ended.returncode == 1
    assert [line.split()[:2] for line in ended.stdout.splitlines()] == [["ok", NAMES[0]], ["PROBLEM", NAMES[1]]]
    assert "hunter2" not in ended.stdout


def test_the_command_exits_with_1_and_a_sentence_if_a_setting_is_wrong(flask_programs):
    env = environment(URL.create("mysql", host="h"), WEB_CONNECTIONS="4")
    ended = live.flask(env, "doctor", programs=flask_programs)
    assert ended.returncode == 1
    assert (
        ended.stdout == "pangeo-forge: DATABASE_URL is a URL of 'mysql'; this service supports postgresql and sqlite.\n"
    )
