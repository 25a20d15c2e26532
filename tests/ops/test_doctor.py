"""`flask doctor` reports each problem with a sentence, and exits with 1 if there is any."""

import os
import shutil
from functools import partial
from types import SimpleNamespace

import pytest
from sqlalchemy import text
from sqlalchemy.engine import URL

from app.extensions import db
from app.keys import key_digest
from app.ops import doctor
from tests.conftest import SALT, environment
from tests.support import live, postgres
from tests.support.databases import HEAD, application, on_postgresql, on_sqlite, sql, upgrade

NAMES = ["configuration", "database", "migrations", "clock", "connections", "storage", "limits"]


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


@pytest.mark.parametrize(
    ("settings", "name"),
    [
        ({"ADMIN_API_KEY_SHA256": key_digest(SALT, "")}, "ADMIN_API_KEY_SHA256"),
        ({"METRICS_KEY_SHA256": key_digest(SALT, "")}, "METRICS_KEY_SHA256"),
        ({"METRICS_KEY_SHA256": "a" * 64, "ADMIN_API_KEY_SHA256": "a" * 64}, "METRICS_KEY_SHA256"),
        ({"DEPLOYMENT": "prod", "PROXY_COUNT": 1, "ENCRYPTION_SALT": "short"}, "ENCRYPTION_SALT"),
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


@pytest.fixture
def reader(migrated_url):
    """The URL of the database with the name of a new role, which has no rights on tables yet."""
    name = f"reader_{migrated_url.database}"
    postgres.execute(migrated_url, f"CREATE ROLE {name} LOGIN")
    yield migrated_url.set(username=name)
    postgres.execute(migrated_url, f"DROP OWNED BY {name}")
    postgres.execute(migrated_url, f"DROP ROLE {name}")


@on_postgresql
def test_a_role_without_the_right_to_write_is_a_problem(examined, migrated_url, reader):
    postgres.execute(migrated_url, f"GRANT SELECT ON ALL TABLES IN SCHEMA public TO {reader.username}")
    with application(reader) as app, app.app_context():
        reports = {name: sentence for name, sentence, well in doctor.examine() if not well}
    assert list(reports) == ["storage"]
    assert reports["storage"].startswith("The role may not write apikey, ")


@on_postgresql
def test_a_role_without_the_right_to_read_is_a_problem(examined, migrated_url, reader):
    with application(reader) as app:
        with app.app_context():
            reports = {name: sentence for name, sentence, well in doctor.examine() if not well}
        assert reports["migrations"].startswith("The database refused the check: permission denied for table alembic")
        list_keys = partial(app.test_cli_runner().invoke, args=["api-keys", "list"])
        for table in ("alembic_version", "apikey"):
            refusal = f"Error: The database refuses the statement: permission denied for table {table}"
            assert list_keys().output.startswith(refusal)
            postgres.execute(migrated_url, f"GRANT SELECT ON {table} TO {reader.username}")
        assert list_keys().exit_code == 0


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
    assert problems(examined()) == ["storage"]


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


def test_the_command_exits_with_0_without_problems(migrated_url):
    env = environment(migrated_url)
    ended = live.flask(env, "doctor")
    assert ended.returncode == 0
    assert [line.split()[:2] for line in ended.stdout.splitlines()] == [["ok", name] for name in NAMES]


def test_the_command_exits_with_1_and_prints_no_password_without_a_database():
    port = postgres.free_port()
    ended = live.flask(environment(f"postgresql://forge:hunter2@127.0.0.1:{port}/none"), "doctor")
    assert ended.returncode == 1
    assert [line.split()[:2] for line in ended.stdout.splitlines()] == [["ok", NAMES[0]], ["PROBLEM", NAMES[1]]]
    assert "hunter2" not in ended.stdout


def test_the_command_exits_with_1_and_a_sentence_if_a_setting_is_wrong():
    ended = live.flask(environment(URL.create("mysql", host="h"), WEB_CONNECTIONS="4"), "doctor")
    assert ended.returncode == 1
    assert (
        ended.stdout == "pangeo-forge: DATABASE_URL is a URL of 'mysql'; this service supports postgresql and sqlite.\n"
    )
