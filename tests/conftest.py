"""Applications on databases built by the migrations, on SQLite and on PostgreSQL. Each test begins without rows."""

import gc
from collections import Counter

import pytest
from hypothesis import HealthCheck, settings
from sqlalchemy import event
from sqlalchemy.engine import URL

from app.database import deadline
from tests.support import forked_flask, live, postgres, rows
from tests.support.apps import (
    ADMIN_KEY,
    application,
    client_with,
    copied,
    engine_of,
    make_app,
    served,
    sqlite_copy,
    sqlite_url,
    upgrade,
)
from tests.support.chromium import chromium

# Without a deadline, a property test cannot fail because the machine is busy. Each run has other examples.
settings.register_profile("suite", deadline=None, max_examples=50, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("suite")


@pytest.hookimpl(wrapper=True)
def pytest_collection():
    """Keep the garbage collector from searching the thousands of tests again and again: none of them is garbage.

    While tests run, it searches less often than by default: requests leave little that only it can find.
    """
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.set_threshold(50_000, 20, 100)
        gc.enable()


def pytest_terminal_summary(terminalreporter):
    """Report loudly what was not tested, and what this machine lacks."""
    for line in not_tested(terminalreporter.stats.get("skipped", ())):
        terminalreporter.section(line, sep="!", red=True, bold=True)


def not_tested(skipped):
    """A line for each reason to skip, with the number of tests."""
    reasons = Counter(report.longrepr[2].removeprefix("Skipped: ") for report in skipped)
    return [f"NOT TESTED: {number} tests, because {reason}" for reason, number in reasons.most_common()]


@pytest.fixture(scope="session")
def postgres_server():
    with postgres.server() as url:
        yield url


@pytest.fixture
def postgres_url(postgres_server):
    """A new, empty PostgreSQL database."""
    with postgres.database(postgres_server) as url:
        yield url


@pytest.fixture(scope="session", params=["sqlite", "postgresql"])
def kind(request):
    """The kind of database: a test that needs one runs on both, unless it is marked `on_sqlite` or `on_postgresql`."""
    return request.param


@pytest.fixture
def empty_url(request, kind):
    """The URL of a new, empty database."""
    if kind == "postgresql":
        return request.getfixturevalue("postgres_url")
    return sqlite_url(request.getfixturevalue("tmp_path") / "empty.sqlite")


@pytest.fixture
def migrated_url(request, kind):
    """The URL of a new database at the head of the migrations."""
    template = request.getfixturevalue(f"{kind}_template")
    if kind == "postgresql":
        with postgres.database(request.getfixturevalue("postgres_server"), template) as url:
            yield url
    else:
        yield copied(template, request.getfixturevalue("tmp_path") / "migrated.sqlite")


@pytest.fixture
def long_timeouts(monkeypatch):
    """A function that returns engine options with long timeouts, so that requests wait even on a busy machine."""
    for limit in ("REQUEST_TIMEOUT", "WAIT_TIMEOUT"):
        monkeypatch.setattr(deadline, limit, live.PATIENCE)

    def options(url):
        if url.get_backend_name() == "sqlite":
            return {"pool_timeout": live.PATIENCE, "connect_args": {"timeout": live.PATIENCE}}
        limits = dict.fromkeys(("statement_timeout", "lock_timeout"), 1000 * live.PATIENCE)
        return {"pool_timeout": live.PATIENCE, "execution_options": limits}

    return options


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory):
    """A database at the head of the migrations. Tests copy it, because the migrations take longer than most tests."""
    url = sqlite_url(tmp_path_factory.mktemp("sqlite") / "template.sqlite")
    upgrade(url)
    return url


@pytest.fixture(scope="session")
def postgresql_template(postgres_server):
    with postgres.database(postgres_server) as url:
        upgrade(url)
        yield url


@pytest.fixture(scope="session")
def sqlite_app(sqlite_template):
    with sqlite_copy(sqlite_template) as url, application(url) as app:
        yield app


@pytest.fixture(scope="session")
def postgresql_app(postgres_server, postgresql_template):
    with postgres.database(postgres_server, postgresql_template) as url, application(url) as app:
        yield app


@pytest.fixture(scope="module")
def module_app(request, kind):
    """An application on a separate database, for tests that only read: its rows stay until the end of the module."""
    template = request.getfixturevalue(f"{kind}_template")
    if kind == "sqlite":
        own = sqlite_copy(template)
    else:
        own = postgres.database(request.getfixturevalue("postgres_server"), template)
    with own as url, application(url) as app:
        yield app


@pytest.fixture(scope="session")
def sqlite_cleaner(sqlite_app):
    with rows.cleaner(engine_of(sqlite_app).url) as delete_rows:
        yield delete_rows


@pytest.fixture(scope="session")
def postgresql_cleaner(postgresql_app):
    with rows.cleaner(engine_of(postgresql_app).url) as delete_rows:
        yield delete_rows


@pytest.fixture
def app(request, kind):
    """The application on an empty database. The rows that a test commits are deleted after it."""
    shared, delete_rows = (request.getfixturevalue(f"{kind}_{name}") for name in ("app", "cleaner"))
    engine, committed = engine_of(shared), []
    record_commit = committed.append
    event.listen(engine, "commit", record_commit)
    yield shared
    event.remove(engine, "commit", record_commit)
    if committed:
        delete_rows()
    shared.extensions["limits"].storage.reset()


@pytest.fixture(scope="session")
def other_apps(kind):
    """The applications that `app_with` has made, by their settings."""
    made = {}
    yield made
    for app in made.values():
        engine_of(app).dispose()


@pytest.fixture
def app_with(request, kind, app, other_apps):
    """A function that returns an application with other settings on the database of `app`.

    Each is made once, because that takes longer than most tests.
    """

    def other(**settings):
        key = tuple(sorted(settings.items()))
        if key not in other_apps:
            other_apps[key] = make_app(app.config["SQLALCHEMY_DATABASE_URI"], **settings)
        return other_apps[key]

    yield other
    request.getfixturevalue(f"{kind}_cleaner")()
    for made in other_apps.values():
        made.extensions["limits"].storage.reset()


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


@pytest.fixture
def unreachable_app():
    """An application whose PostgreSQL server does not exist."""
    url = URL.create("postgresql", username="nobody", host="127.0.0.1", port=postgres.free_port(), database="none")
    return make_app(url)


@pytest.fixture(scope="session")
def service(sqlite_template, tmp_path_factory):
    """The address of a service with the example catalogue, for tests that only read."""
    with served(copied(sqlite_template, tmp_path_factory.mktemp("service") / "service.sqlite")) as address:
        yield address


@pytest.fixture(scope="module")
def own_service(sqlite_template, tmp_path_factory):
    """The address of a service with the example catalogue, for tests that write."""
    with served(copied(sqlite_template, tmp_path_factory.mktemp("service") / "service.sqlite")) as address:
        yield address


@pytest.fixture(scope="session")
def flask_programs():
    """The folder of a program `flask` that starts at once, see `tests.support.forked_flask`."""
    with forked_flask.programs() as folder:
        yield folder


@pytest.fixture(scope="module")
def browser():
    with chromium() as browser:
        yield browser
