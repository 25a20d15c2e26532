"""Migrations: upgrades and downgrades succeed or fail as a whole, and concurrent upgrades run one after the other."""

import os
import re
import sqlite3
import subprocess
import sys
from contextlib import closing
from functools import partial
from pathlib import Path

import pytest
from sqlalchemy.exc import IntegrityError

from app.extensions import db
from app.models import RecipeRun
from app.models.datasets import DATASETS
from tests.support import live, postgres
from tests.support.apps import environment
from tests.support.databases import (
    BAKERY,
    CHAIN,
    FEEDSTOCK,
    HEAD,
    ORIGINAL,
    RUN,
    SCRIPTS,
    application,
    check,
    contents,
    downgrade,
    fill,
    names,
    on_postgresql,
    on_sqlite,
    schema,
    sql,
    upgrade,
)
from tests.support.sent import statements

ROOT = Path(__file__).parents[2]
LOCK_KEY = 8_215_731_407  # the key in migrations/env.py, which cannot be imported

INDEXES = {
    "/bakeries/2": {"ix_reciperun_bakery_id_id", "ix_reciperun_bakery_id_started_at_id"},
    "/feedstocks/2": {f"ix_reciperun_feedstock_id_{rest}" for rest in ("id", "started_at_id", "recipe_id_id")},
    "/feedstocks/2/datasets": {"ix_reciperun_dataset"},
    "/recipe_runs/?order_by=started_at": {"ix_reciperun_started_at_id"},
    "/recipe_runs/?order_by=started_at&sort=desc": {"ix_reciperun_started_at_id"},
}

# The program creates one application, then forks eight processes of `flask db upgrade`, which begin at the same moment.
EIGHT_TIMES = """
import gc, os, sys, app.cli.db, wsgi
from flask.cli import cli
app.cli.db.migrate.init_app(wsgi.app)
gc.freeze()  # otherwise each process searches these objects for garbage when it ends
for _ in range(8):
    if os.fork() == 0:
        cli.main(["db", "upgrade"])
sys.exit(any([os.wait()[1] for _ in range(8)]))
"""

# A catalogue that is large enough for the database to use indexes.
MANY = (
    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 50) "
    "INSERT INTO bakery (region, name, description) SELECT 'r', 'bakery-' || i, '' FROM n",
    "INSERT INTO feedstock (spec) SELECT name FROM bakery",
    "INSERT INTO reciperun (recipe_id, bakery_id, feedstock_id, head_sha, version, started_at, status, conclusion, "
    "dataset_public_url) SELECT 'r', b.id, f.id, '', '', '2022-03-03', 'completed', 'success', "
    "CASE b.id WHEN 1 THEN 'https://example.org' END FROM bakery b, feedstock f",
    "ANALYZE",
)


def start_upgrade(url, command=("-m", "flask", "db", "upgrade")):
    """Start `flask db upgrade` in a separate process."""
    return subprocess.Popen(
        [sys.executable, *command],
        cwd=ROOT,
        env=os.environ | environment(url),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def outcome(process):
    """Wait for the process, check that it printed no traceback, and return its exit code and last line of log."""
    log = process.communicate(timeout=live.PATIENCE)[1]
    assert "Traceback" not in log
    return process.returncode, log.splitlines()[-1]


def indexes_used(app, client, path):
    """The indexes in the query plans of the statements on runs that a request sends."""
    with statements() as sent:
        assert client.get(path).status_code == 200
    selects = [statement for statement in sent if statement.text.startswith("SELECT reciperun")]
    with app.app_context(), db.engine.connect() as connection:
        explain = "EXPLAIN QUERY PLAN" if connection.dialect.name == "sqlite" else "EXPLAIN"
        plans = [str(connection.exec_driver_sql(f"{explain} {each.text}", each.parameters).all()) for each in selects]
    return set(re.findall(r"ix_\w+", "".join(plans)))


@pytest.fixture
def app(empty_url):
    """An application on an empty database. It replaces the migrated one that other tests share."""
    with application(empty_url) as app:
        yield app


@pytest.fixture
def current(migrated_url):
    """An application on a separate database at the head of the migrations."""
    with application(migrated_url) as app:
        yield app


def test_chain_has_one_head_and_its_files_are_numbered_in_order():
    files = [Path(SCRIPTS.get_revision(revision).path).name for revision in CHAIN]
    assert SCRIPTS.get_heads() == [HEAD]
    assert [name.partition("_")[0] for name in files] == [f"{number:04}" for number in range(1, len(files) + 1)]


def test_chain_begins_with_the_revisions_of_the_original():
    assert CHAIN[: len(ORIGINAL)] == ORIGINAL


def test_upgrade_builds_the_schema_of_the_models(app):
    upgrade(app)
    check(app)
    assert sql(app, "SELECT version_num FROM alembic_version") == [(HEAD,)]


def test_check_detects_a_database_that_differs_from_the_models(current):
    sql(current, "DROP INDEX ix_reciperun_dataset")
    with pytest.raises(SystemExit):
        check(current)


def test_upgrade_at_head_changes_nothing(current):
    fill(current)
    before = schema(current), contents(current)
    upgrade(current)
    assert (schema(current), contents(current)) == before


def test_each_downgrade_restores_the_schema_before_its_revision(app):
    schemas = [upgrade(app, revision) or schema(app) for revision in CHAIN]
    fill(app)
    for expected in reversed(schemas):
        assert schema(app) == expected
        downgrade(app, "-1")
    upgrade(app)
    assert schema(app) == schemas[-1]


@pytest.mark.parametrize("revision", ["70bcddc9fffa", "0499cef6b57a"])
def test_down_and_up_again_keeps_every_row(current, revision):
    fill(current)
    # The original does not have these columns, so the downgrade loses their values.
    sql(current, "UPDATE reciperun SET created_at = NULL, updated_at = NULL")
    before = schema(current), contents(current)
    downgrade(current, revision)
    upgrade(current)
    assert (schema(current), contents(current)) == before


def test_names_are_the_same_on_every_database(current):
    # These index expressions, on PostgreSQL only.
    expressions = {"ix_reciperun_dataset_public_url_id", "ix_reciperun_message_id", "ix_dataset_url_id"}
    expressions |= {"ix_dataset_key", "ix_dataset_search_document"}
    indexes = {index.name for table in (RecipeRun.__table__, DATASETS) for index in table.indexes} - expressions
    assert names(current) - expressions == indexes | {
        "dataset_bakery_id_fkey",
        "dataset_check_dataset_id_fkey",
        "dataset_description_dataset_id_fkey",
        "dataset_event_dataset_id_fkey",
        "dataset_feedstock_id_fkey",
        "dataset_health_dataset_id_fkey",
        "reciperun_log_recipe_run_id_fkey",
        "reciperun_log_line_recipe_run_id_fkey",
        "dataset_merged_into_fkey",
        "dataset_thumbnail_dataset_id_fkey",
        "ix_dataset_check_dataset_id_id",
        "ix_dataset_description_extent",
        "ix_dataset_description_times",
        "ix_dataset_health_checked_at_dataset_id",
        "ix_dataset_health_healthy_dataset_id",
        "ix_dataset_event_dataset_id_id",
        "apikey_encrypted_key_key",
        "apikey_replaced_by_fkey",
        "bakery_name_key",
        "bakery_secret_bakery_id_fkey",
        "ix_bakery_secret_bakery_id",
        "feedstock_metadata_feedstock_id_fkey",
        "dataset_search_dataset_id_fkey",
        "ix_dataset_search_queue_dataset_id",
        "ix_dataset_search_version_dataset_id",
        "ix_dataset_description_engine_dataset_id",
        "feedstock_alias_feedstock_id_fkey",
        "feedstock_provider_spec_key",
        "ix_audit_at_block",
        "ix_audit_at_id",
        "ix_audit_resource_id_id",
        "ix_feedstock_alias_feedstock_id",
        "ix_feedstock_alias_repository",
        "ix_feedstock_repository",
        "ix_idempotency_key_created_at",
        "ix_reciperun_count_duration_slice",
        "ix_reciperun_count_failure_bakery",
        "ix_reciperun_count_failure_feedstock",
        "ix_reciperun_count_slice",
        "ix_reciperun_count_period_slice",
        "ix_reciperun_event_recipe_run_id_id",
        "reciperun_bakery_id_fkey",
        "reciperun_event_recipe_run_id_fkey",
        "reciperun_feedstock_id_fkey",
        "reciperun_rerun_of_fkey",
    }


def test_references_are_checked_after_the_upgrade(current):
    with pytest.raises(IntegrityError):
        sql(current, RUN)


def test_insert_fills_in_the_defaults_of_columns(current):
    sql(current, BAKERY.format("ldeo"))
    sql(current, "INSERT INTO feedstock (spec) VALUES ('pangeo-forge/gpcp-feedstock')")
    sql(current, RUN.replace(", status, is_test", "").replace(", 'queued', false", ""))
    assert sql(current, "SELECT provider FROM feedstock") == [("github",)]
    assert sql(current, "SELECT status, is_test FROM reciperun WHERE NOT is_test") == [("queued", False)]


def test_ids_of_rows_deleted_after_the_upgrade_are_not_reused(app):
    upgrade(app, "0499cef6b57a")
    fill(app)
    upgrade(app)
    sql(app, "DELETE FROM reciperun")
    sql(app, RUN)
    assert sql(app, "SELECT id FROM reciperun") == [(2,)]


def test_ids_of_rows_deleted_before_a_migration_are_not_reused(app):
    upgrade(app, "0009_indexes")
    fill(app)
    sql(app, RUN)
    sql(app, "DELETE FROM reciperun WHERE id = 2")
    upgrade(app)
    sql(app, RUN)
    assert sql(app, "SELECT id FROM reciperun ORDER BY id") == [(1,), (3,)]


def test_requests_read_runs_through_their_indexes(current):
    client = current.test_client()
    for statement in MANY:
        sql(current, statement)
    used = {path: indexes_used(current, client, path) for path in INDEXES}
    assert [path for path, indexes in used.items() if not set() < indexes <= INDEXES[path]] == []


def test_upgrade_with_duplicates_names_them_in_a_sentence_and_changes_nothing(app, caplog):
    upgrade(app, "0499cef6b57a")
    fill(app)
    for statement in (BAKERY.format("ldeo"), FEEDSTOCK.format("noaa"), FEEDSTOCK.format("gpcp"), BAKERY.format("ldeo")):
        sql(app, statement)
    before = schema(app), contents(app)
    with pytest.raises(SystemExit, match="1"):
        upgrade(app)
    assert caplog.messages[-1] == (
        "Error: These records share what has to be unique; rename or delete all but one of each, "
        "or merge feedstocks with `flask feedstocks merge A B`, then upgrade again: "
        "bakery 1 and 2 and 3 (ldeo); feedstock 1 and 3 (github pangeo-forge/gpcp-feedstock). "
        "Nothing was changed."
    )
    assert (schema(app), contents(app)) == before


@on_sqlite
def test_upgrade_with_broken_references_says_so_and_changes_nothing(app, empty_url, caplog):
    upgrade(app, "0499cef6b57a")
    with closing(sqlite3.connect(empty_url.database, isolation_level=None)) as unchecked:
        unchecked.execute(RUN)
    before = schema(app), contents(app)
    with pytest.raises(SystemExit):
        upgrade(app)
    assert caplog.messages[-1] == "Error: 2 rows refer to rows that do not exist, the first in table reciperun."
    assert (schema(app), contents(app)) == before


def test_upgrade_that_the_database_refuses_says_so_and_changes_nothing(app, caplog):
    upgrade(app, "0499cef6b57a")
    fill(app)
    sql(app, "CREATE INDEX ix_reciperun_dataset ON reciperun (status)")
    before = schema(app), contents(app)
    with pytest.raises(SystemExit):
        upgrade(app)
    assert "The migration failed and nothing was changed: " in caplog.messages[-1]
    assert "ix_reciperun_dataset" in caplog.messages[-1]
    assert (schema(app), contents(app)) == before


def test_upgrade_of_a_database_that_is_down_prints_a_sentence(unreachable_app, caplog):
    with pytest.raises(SystemExit, match="1"):
        upgrade(unreachable_app)
    [sentence] = caplog.messages
    assert sentence.startswith("Error: The migration failed and nothing was changed: connection to server at")
    assert "\n" not in sentence


@pytest.mark.parametrize("command", [upgrade, partial(downgrade, revision="0499cef6b57a"), check])
def test_a_release_older_than_its_database_says_so_and_changes_nothing(current, caplog, command):
    sql(current, "UPDATE alembic_version SET version_num = '0099_from_the_future'")
    before = schema(current)
    with pytest.raises(SystemExit, match="1"):
        command(current)
    assert caplog.messages == [
        f"Error: The database is at revision 0099_from_the_future, which this release does not know; its newest is "
        f"{HEAD}. A newer release has migrated the database. Run that release, or downgrade the database with it: "
        f"`flask db downgrade {HEAD}`."
    ]
    assert schema(current) == before


@on_postgresql
def test_upgrade_whose_connection_is_killed_prints_a_sentence(app, empty_url):
    waiting = "SELECT pid FROM pg_stat_activity WHERE wait_event = 'advisory' AND datname = current_database()"
    with app.app_context(), db.engine.connect() as other:
        other.exec_driver_sql(f"SELECT pg_advisory_lock({LOCK_KEY})")
        process = start_upgrade(empty_url)
        [(pid,)] = live.wait_until(lambda: postgres.execute(empty_url, waiting))
        postgres.execute(empty_url, f"SELECT pg_terminate_backend({pid})")
        code, sentence = outcome(process)
    assert code == 1
    assert "The migration failed and nothing was changed: " in sentence


@on_postgresql
def test_upgrade_that_cannot_lock_a_table_changes_nothing(app, caplog):
    upgrade(app, "0499cef6b57a")
    before = schema(app), contents(app)
    with app.app_context(), db.engine.connect() as other:
        other.exec_driver_sql("SELECT * FROM reciperun")
        with pytest.raises(SystemExit):
            upgrade(app)
    assert "nothing was changed: canceling statement due to lock timeout" in caplog.messages[-1]
    assert (schema(app), contents(app)) == before


def test_eight_upgrades_at_once_all_succeed(app, empty_url):
    code, _ = outcome(start_upgrade(empty_url, ("-c", EIGHT_TIMES)))
    assert code == 0
    check(app)
