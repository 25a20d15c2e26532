"""SQLite has one write lock. A request that waits for it lets other requests run, so that its holder can finish."""

import sqlite3
from contextlib import closing

import pytest

from app.database import write_lock
from app.extensions import db
from tests.support.apps import ADMIN_KEY, application
from tests.support.databases import on_sqlite

KEY = {"X-API-Key": ADMIN_KEY}
BAKERY = {"region": "us-central1", "name": "ldeo", "description": ""}


@pytest.fixture
def locked(migrated_url):
    """An application, and the connection of another program that holds the write lock."""
    with (
        application(migrated_url) as app,
        closing(sqlite3.connect(migrated_url.database, isolation_level=None)) as other,
    ):
        other.execute("BEGIN IMMEDIATE")
        yield app, other


@on_sqlite
def test_a_request_that_waits_for_the_write_lock_lets_others_run(locked, monkeypatch):
    app, other = locked
    monkeypatch.setattr(write_lock, "sleep", lambda _: other.rollback())  # other requests run during the sleep
    assert app.test_client().post("/bakeries/", json=BAKERY, headers=KEY).status_code == 201


@on_sqlite
def test_a_connection_keeps_its_timeout(locked, monkeypatch):
    app, other = locked
    monkeypatch.setattr(write_lock, "sleep", lambda _: other.rollback())
    app.test_client().post("/bakeries/", json=BAKERY, headers=KEY)
    with app.app_context(), db.engine.connect() as connection:
        assert connection.exec_driver_sql("PRAGMA busy_timeout").scalar() == 3000
