"""A server whose database has another revision than its release needs."""

import pytest

from app.database import revision
from app.routes import BLUEPRINTS
from tests.support import live, postgres
from tests.support.apps import environment
from tests.support.databases import CHAIN, HEAD, application, downgrade, on_postgresql, sql, upgrade


@pytest.fixture
def app(empty_url):
    """An application on an empty database. It replaces the migrated one that other tests share."""
    with application(empty_url) as app:
        yield app


def api_requests(app):
    """A method and a path for every operation of the API."""
    api = {blueprint.name for blueprint in BLUEPRINTS}
    rules = [rule for rule in app.url_map.iter_rules() if rule.endpoint.partition(".")[0] in api]
    return [(method, rule.rule.replace("<id:id>", "1")) for rule in rules for method in rule.methods - {"OPTIONS"}]


def test_the_revisions_are_those_that_alembic_knows():
    assert list(revision._revisions()) == CHAIN


def test_a_server_has_no_alembic_in_its_memory():
    script = (
        "import sys, wsgi; print({'alembic', 'flask_migrate'} & set(sys.modules), 'migrate' in wsgi.app.extensions)"
    )
    assert live.python(environment("sqlite:///never-opened.sqlite"), script) == "set() False\n"


@pytest.mark.parametrize("at", [None, "0499cef6b57a"])
def test_server_on_an_outdated_database_answers_every_request_with_503(app, client, at):
    if at:
        upgrade(app, at)
    answers = [client.open(path, method=method) for method, path in api_requests(app)]
    assert {(answer.status_code, answer.content_type) for answer in answers} == {(503, "application/problem+json")}
    assert client.get("/readyz").status_code == 503
    assert client.get("/healthz").status_code == 200


@pytest.mark.parametrize(("at", "state"), [(None, "empty"), ("0499cef6b57a", "at revision 0499cef6b57a")])
def test_server_on_an_outdated_database_says_what_to_do(app, client, caplog, at, state):
    if at:
        upgrade(app, at)
    sentence = f"The database is {state}, this release needs {HEAD}: run `flask db upgrade`."
    revision.report(app)
    assert caplog.messages == [f"not ready: {sentence}"]
    assert client.get("/readyz").json["detail"] == sentence
    assert client.get("/bakeries/").json["detail"] == sentence


def test_server_recovers_without_a_restart_once_the_database_is_upgraded(app, client):
    assert client.get("/recipe_runs/").status_code == 503
    upgrade(app)
    assert client.get("/recipe_runs/").json == []
    assert client.get("/readyz").json == {"status": "ok"}


def test_server_on_a_database_of_its_release_logs_nothing(app, caplog):
    upgrade(app)
    revision.report(app)
    assert caplog.messages == []


def test_server_serves_a_database_that_a_newer_release_has_migrated_and_logs_it(app, client, caplog):
    upgrade(app)
    sql(app, "UPDATE alembic_version SET version_num = '0099_from_the_future'")
    revision.report(app)
    assert client.get("/readyz").status_code == 200
    assert client.get("/recipe_runs/").json == []
    [sentence] = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    assert sentence.startswith("The database is at revision 0099_from_the_future, which this release does not know;")


def test_server_notices_that_the_database_was_downgraded(app, client):
    upgrade(app)
    assert client.get("/recipe_runs/").status_code == 200
    downgrade(app, "0499cef6b57a")
    for path in ("/recipe_runs/", "/readyz"):
        assert client.get(path).status_code == 503


def test_server_without_a_database_is_alive_but_not_ready(unreachable_app, caplog):
    revision.report(unreachable_app)
    client = unreachable_app.test_client()
    (record,) = caplog.records
    assert (record.getMessage(), record.error) == ("not ready: the database does not answer", "OperationalError")
    assert client.get("/healthz").json == {"status": "ok"}
    assert client.get("/readyz").status_code == 503


@pytest.mark.parametrize(
    "change",
    ["ALTER SCHEMA public RENAME TO tenant; CREATE SCHEMA public", "REVOKE USAGE ON SCHEMA public FROM PUBLIC"],
)
@on_postgresql
def test_server_whose_role_does_not_find_the_tables_says_where_they_are(empty_url, change):
    role, schema = empty_url.database.replace("pangeo_forge", "role"), "tenant" if "tenant" in change else "public"
    with application(empty_url) as app:
        upgrade(app)
    postgres.execute(empty_url, f"CREATE ROLE {role} LOGIN; {change}")
    with application(empty_url.set(username=role)) as app:
        detail = app.test_client().get("/readyz").json["detail"]
    postgres.execute(empty_url, f"DROP ROLE {role}")
    assert detail.startswith(f"The tables are in the schema {schema}, where the role does not find them: grant it")
