"""Helpers that migrate a database to any revision, fill it and read it."""

import json
import sqlite3
import warnings
from contextlib import closing, contextmanager

import flask_migrate
import psycopg2
import pytest
from alembic.script import ScriptDirectory
from sqlalchemy import inspect

from app.extensions import MIGRATIONS, db
from tests.support.apps import application as application

SCRIPTS = ScriptDirectory(MIGRATIONS)
CHAIN = [script.revision for script in SCRIPTS.walk_revisions()][::-1]
HEAD = CHAIN[-1]
ORIGINAL = ["81c7d27bde71", "6197f9c7aff6", "b0ec74f6d899", "70bcddc9fffa", "0499cef6b57a"]

# Marks of tests that concern one kind of database only.
on_sqlite = pytest.mark.parametrize("kind", ["sqlite"], indirect=True)
on_postgresql = pytest.mark.parametrize("kind", ["postgresql"], indirect=True)

BAKERY = "INSERT INTO bakery (region, name, description) VALUES ('us-central1', '{}', 'Océans ☂')"
FEEDSTOCK = "INSERT INTO feedstock (spec, provider) VALUES ('pangeo-forge/{}-feedstock', 'github')"
RUN = (
    "INSERT INTO reciperun (recipe_id, bakery_id, feedstock_id, head_sha, version, started_at, status, is_test) "
    "VALUES ('gpcp', 1, 1, '35d889f', '', '2022-03-03 02:29:54.055180', 'queued', false)"
)
# Triggers and compaction change the rows of counts, but not their sums.
COUNTS = (
    "SELECT slice, status, conclusion, is_test, has_dataset, sum(runs) FROM reciperun_count "
    "GROUP BY 1, 2, 3, 4, 5 HAVING sum(runs) <> 0"
)
SUMS = {
    "reciperun_count": COUNTS,
    "reciperun_count_period": (
        "SELECT bakery_id, feedstock_id, days, period, is_test, status, conclusion, sum(runs) "
        "FROM reciperun_count_period GROUP BY 1, 2, 3, 4, 5, 6, 7 HAVING sum(runs) <> 0"
    ),
    "reciperun_count_duration": (
        "SELECT bakery_id, feedstock_id, days, period, is_test, seconds, sum(runs) "
        "FROM reciperun_count_duration GROUP BY 1, 2, 3, 4, 5, 6 HAVING sum(runs) <> 0"
    ),
    "reciperun_count_failure": (
        "SELECT bakery_id, feedstock_id, days, period, is_test, failure_class, sum(runs) "
        "FROM reciperun_count_failure GROUP BY 1, 2, 3, 4, 5, 6 HAVING sum(runs) <> 0"
    ),
}
KEY = "INSERT INTO apikey (encrypted_key, is_active, created_at) VALUES ('0f2a', true, '2022-07-01 09:00:00')"


def upgrade(app, revision="head"):
    with app.app_context():
        flask_migrate.upgrade(revision=revision)


def downgrade(app, revision):
    with app.app_context():
        flask_migrate.downgrade(revision=revision)


def check(app):
    """Exit if the database differs from the models."""
    with app.app_context():
        flask_migrate.check()


def sql(app, statement):
    with app.app_context(), db.engine.begin() as connection:
        result = connection.exec_driver_sql(statement)
        return [tuple(row) for row in result] if result.returns_rows else []


@contextmanager
def other_program(url, statement):
    """Another program with an open transaction in which it has executed `statement`."""
    if url.get_backend_name() == "sqlite":
        connection = sqlite3.connect(url.database, isolation_level=None)
    else:
        connection = psycopg2.connect(url.render_as_string(hide_password=False))
    with closing(connection), closing(connection.cursor()) as cursor:
        cursor.execute("BEGIN")
        cursor.execute(statement)
        yield


def fill(app):
    for statement in (BAKERY.format("ldeo"), FEEDSTOCK.format("gpcp"), RUN, KEY):
        sql(app, statement)


def schema(app):
    """The schema that the database reports, in values that can be compared."""
    with app.app_context(), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Skipped unsupported reflection of expression-based index")
        inspector = inspect(db.engine)
        kinds = ("columns", "foreign_keys", "unique_constraints", "indexes")
        found = {kind: getattr(inspector, f"get_multi_{kind}")() for kind in kinds}
    if app.config["SQLALCHEMY_DATABASE_URI"].get_backend_name() == "sqlite":
        on_expressions = sql(app, "SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql LIKE '%(id >> %'")
        found["on_expressions"] = {(None, ""): [{"name": name, "sql": text} for name, text in on_expressions]}
    return {
        kind: {table: sorted(json.dumps(item, default=str) for item in items) for (_, table), items in tables.items()}
        for kind, tables in found.items()
    }


def contents(app):
    """Every row of every table, including the revision."""
    queries = {table: SUMS.get(table, f"SELECT * FROM {table}") for table in schema(app)["columns"]}
    if "dataset_search_queue" in queries:  # a dataset may be noted several times
        queries["dataset_search_queue"] = "SELECT DISTINCT dataset_id FROM dataset_search_queue"
    return {table: sorted(sql(app, query), key=str) for table, query in queries.items()}


def names(app):
    """The names of foreign keys, unique keys and indexes."""
    tables = [table for kind, tables in schema(app).items() if kind != "columns" for table in tables.values()]
    return {json.loads(item)["name"] for table in tables for item in table}
