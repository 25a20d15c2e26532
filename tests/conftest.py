"""An application on a database built by the migrations, on SQLite and on PostgreSQL; each test begins with no rows."""

import shutil
from contextlib import contextmanager

import flask_migrate
import pytest
from hypothesis import HealthCheck, settings
from playwright.sync_api import sync_playwright
from sqlalchemy import event
from sqlalchemy.engine import URL

from app import create_app
from app.cli.db import migrate
from app.extensions import db
from app.keys import key_digest
from config import load
from tests.support import live, postgres, rows

SALT = "a-salt-for-tests"
ADMIN_KEY = "the-admin-key-of-the-tests"

# A property test has no deadline: it does not fail because the machine is busy.
settings.register_profile("suite", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("suite")

NO_BROWSER = "there is no Chromium on this machine"
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"]


def pytest_terminal_summary(terminalreporter):
    """Say it loudly when the browser tests did not run."""
    if any(NO_BROWSER in str(report.longrepr) for report in terminalreporter.stats.get("skipped", ())):
        terminalreporter.section(f"NOT TESTED IN A BROWSER: {NO_BROWSER}", sep="!", red=True, bold=True)


def environment(url, **more):
    """The environment of a service on the database at `url`."""
    text = url if isinstance(url, str) else url.render_as_string(hide_password=False)
    digest = key_digest(SALT, ADMIN_KEY)
    return {"DATABASE_URL": text, "ENCRYPTION_SALT": SALT, "ADMIN_API_KEY_SHA256": digest, **more}


def make_app(url, **more):
    """An application on the database at `url`, its errors answered and not raised, and `flask db` as in a command."""
    app = create_app(load(environment(url, **more)) | {"TESTING": True, "PROPAGATE_EXCEPTIONS": False})
    migrate.init_app(app)
    return app


@pytest.fixture(scope="session")
def postgres_server():
    with postgres.server() as url:
        yield url


@pytest.fixture
def postgres_url(postgres_server):
    """A new, empty PostgreSQL database."""
    with postgres.database(postgres_server) as url:
        yield url


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_url(request):
    """The URL of a new, empty database of either kind."""
    if request.param == "postgresql":
        return request.getfixturevalue("postgres_url")
    return URL.create("sqlite", database=str(request.getfixturevalue("tmp_path") / "empty.sqlite"))


@pytest.fixture(scope="session", params=["sqlite", "postgresql"])
def migrated_app(request, tmp_path_factory):
    """An application on a database at the head of the migrations; use `app`, which cleans up."""
    if request.param == "sqlite":
        with _migrated(URL.create("sqlite", database=str(tmp_path_factory.mktemp("sqlite") / "test.sqlite"))) as app:
            yield app
    else:
        with postgres.database(request.getfixturevalue("postgres_server")) as url, _migrated(url) as app:
            yield app


@contextmanager
def _migrated(url):
    app = make_app(url)
    with app.app_context():
        flask_migrate.upgrade()
    yield app
    with app.app_context():
        db.engine.dispose()


@pytest.fixture
def app(migrated_app):
    """The application on an empty database; what a test commits is deleted after it."""
    with migrated_app.app_context():
        engine = db.engine
    committed = []
    note = committed.append
    event.listen(engine, "commit", note)
    yield migrated_app
    event.remove(engine, "commit", note)
    if committed:
        rows.delete_all(engine)
    migrated_app.extensions["limits"].storage.reset()


@pytest.fixture
def client(app):
    """A client without a key."""
    return app.test_client()


@pytest.fixture
def admin(app):
    """A client with the administrator's key."""
    return client_with(app, ADMIN_KEY)


@pytest.fixture
def writer(app, admin):
    """A client with an ordinary key."""
    return client_with(app, admin.post("/api-keys", json={}).json["key"])


def client_with(app, key):
    client = app.test_client()
    client.environ_base["HTTP_X_API_KEY"] = key
    return client


@pytest.fixture
def unreachable_app():
    """An application on a PostgreSQL that nobody runs."""
    url = URL.create("postgresql", username="nobody", host="127.0.0.1", port=postgres.free_port(), database="none")
    return make_app(url)


@pytest.fixture(scope="module")
def service(tmp_path_factory):
    """The address of a service with the example catalogue."""
    env = environment(URL.create("sqlite", database=str(tmp_path_factory.mktemp("service") / "service.sqlite")))
    for command in (("db", "upgrade"), ("seed",)):
        assert live.flask(env, *command).returncode == 0
    with live.server(env) as address:
        yield address


@pytest.fixture(scope="module")
def browser():
    """The Chromium of this machine."""
    if CHROMIUM is None:
        pytest.skip(NO_BROWSER)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()
