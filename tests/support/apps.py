"""Applications of tests: their settings, and databases at the head of the migrations."""

import shutil
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import flask_migrate
from sqlalchemy.engine import URL

from app import create_app
from app.cli.db import migrate
from app.extensions import db
from app.keys import key_digest
from config import load
from tests.support import live, postgres

SALT = "a-salt-for-tests"
ADMIN_KEY = "the-admin-key-of-the-tests"
# The examples end at the time at which the documents show them.
SEED = ("seed", "--until", "2026-03-16T12:38:00Z")


def environment(url, **more):
    """The environment of a service on the database at `url`, which does not read `.env`."""
    text = url if isinstance(url, str) else url.render_as_string(hide_password=False)
    digest = key_digest(SALT, ADMIN_KEY)
    settings = {"DATABASE_URL": text, "ENCRYPTION_SALT": SALT, "ADMIN_API_KEY_SHA256": digest}
    return {**settings, **live.NO_ENV_FILE, **more}


def make_app(url, engine_options=None, **more):
    """An application on the database at `url`. `engine_options` override those of the service.

    It answers errors instead of raising them, and has the commands of `flask db`.
    """
    config = load(environment(url, **more)) | {"TESTING": True, "PROPAGATE_EXCEPTIONS": False}
    overrides, defaults = engine_options or {}, config["SQLALCHEMY_ENGINE_OPTIONS"]
    connect = defaults["connect_args"] | overrides.get("connect_args", {})
    config["SQLALCHEMY_ENGINE_OPTIONS"] = defaults | overrides | {"connect_args": connect}
    app = create_app(config)
    migrate.init_app(app)
    return app


@contextmanager
def application(url, engine_options=None, **settings):
    """An application of `make_app`. Its connections are closed at the end."""
    app = make_app(url, engine_options, **settings)
    yield app
    engine_of(app).dispose()


def engine_of(app):
    with app.app_context():
        return db.engine


def upgrade(url):
    with application(url) as app, app.app_context():
        flask_migrate.upgrade()


def client_with(app, key):
    client = app.test_client()
    client.environ_base["HTTP_X_API_KEY"] = key
    return client


def sqlite_url(path):
    return URL.create("sqlite", database=str(path))


def copied(url, path):
    """Copy the SQLite database at `url` to `path` and return its URL. No program may have the original open."""
    shutil.copyfile(url.database, path)
    return sqlite_url(path)


@contextmanager
def sqlite_copy(template):
    """The URL of a copy of a SQLite database. It is in memory, because SQLite waits for the disk at each commit."""
    with TemporaryDirectory(prefix="sqlite-", dir=postgres.MEMORY) as folder:
        yield copied(template, Path(folder, "test.sqlite"))


def seed(url, *options):
    """Fill an empty database with the examples."""
    with application(url) as app:
        assert app.test_cli_runner().invoke(args=[*SEED, *options]).exit_code == 0


@contextmanager
def served(url):
    seed(url)
    with live.server(environment(url)) as address:
        yield address
