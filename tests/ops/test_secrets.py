"""A broad scenario, and a search for keys, salt and digests in all its logs, errors, answers and reprs."""

import logging

import pytest
from sqlalchemy import inspect

from app.extensions import db
from app.keys import key_digest
from app.models import APIKey
from app.services import api_keys
from tests.support.apps import ADMIN_KEY, SALT
from tests.support.databases import sql
from tests.support.factories import make_key, run_body
from tests.support.signed import standard_webhook

WRONG = ["pfk_" + "0" * 36, "a-wrong-key"]
OLD = "0123456789abcdef0123456789abcdef"


class Scenario:
    """A client that records all output, without the new keys that an answer has to show."""

    def __init__(self, app):
        self.app, self.seen, self.keys = app, [], [ADMIN_KEY, OLD, *WRONG]

    def __call__(self, key, method, path, **options):
        options["headers"] = {"X-API-Key": key} | options.get("headers", {})
        response = self.app.test_client().open(path, method=method, **options)
        text = response.text
        if response.status_code == 201 and response.json.keys() & {"key", "secret"}:
            self.keys.append(response.json.get("key") or response.json["secret"])
            text = text.replace(self.keys[-1], "")
        self.seen += [text, str(response.headers)]
        return response.json if response.is_json else None

    def command(self, *arguments):
        result = self.app.test_cli_runner().invoke(args=arguments)
        output = result.output
        if arguments[1] in ("create", "rotate") and result.exit_code == 0:
            self.keys.append(result.stdout.strip())
            output = result.stderr
        self.seen.append(output)

    def secrets(self):
        return [SALT, *self.keys, *(key_digest(SALT, key) for key in self.keys)]


def administer(scenario, app):
    """Create, use, rotate and read keys, and send invalid requests."""
    for key in (ADMIN_KEY, OLD):
        made = scenario(key, "POST", "/api-keys", json={"label": "a"}, headers={"Idempotency-Key": "one"})
        scenario(key, "POST", "/api-keys", json={"label": "b"}, headers={"Idempotency-Key": "one"})
        scenario(key, "POST", f"/api-keys/{made['id']}/rotate", json={})
        scenario(key, "POST", f"/api-keys/{made['id']}/rotate", json={})
        scenario(key, "PATCH", f"/api-keys/{made['id']}", json={"scopes": ["nonsense"], "is_active": None})
        scenario(key, "DELETE", "/api-keys/999999")
        scenario(made["key"], "POST", "/recipe_runs/", json=run_body(app))
        scenario(made["key"], "POST", "/recipe_runs/", json=run_body(app, bakery_id=999))
        bakery = run_body(app)["bakery_id"]
        secret = scenario(key, "POST", f"/bakeries/{bakery}/webhook-secret", json={})["secret"]
        body = b"{}"
        signed = standard_webhook(secret, body) | {"X-Request-ID": secret}
        scenario(key, "POST", f"/bakeries/{bakery}/reports", data=body, headers=signed)
    for key in scenario.keys[:]:
        for path in ("/api-keys", "/api-keys/me", "/api-keys/1", "/audit", "/recipe_runs/?count=true", "/openapi.json"):
            scenario(key, "GET", path)
        scenario(key, "POST", "/api-keys", data=b"{")
    for arguments in (["list"], ["create"], ["rotate", "1"], ["revoke", "1"], ["create", "--scope", "nonsense"]):
        scenario.command("api-keys", *arguments)


def break_the_database(scenario, app, monkeypatch):
    """Cause errors in statements whose parameters include digests: a duplicate key and missing tables."""
    with monkeypatch.context() as patched:
        patched.setattr(api_keys, "new_key", lambda: WRONG[0])
        scenario(ADMIN_KEY, "POST", "/api-keys", json={})
        scenario(ADMIN_KEY, "POST", "/api-keys", json={})
    for table in ("idempotency_key", "apikey"):
        sql(app, f"ALTER TABLE {table} RENAME TO gone")
        scenario(ADMIN_KEY, "POST", "/api-keys", json={}, headers={"Idempotency-Key": "two"})
        scenario(OLD, "POST", "/recipe_runs/", json={})
        sql(app, f"ALTER TABLE gone RENAME TO {table}")


@pytest.fixture
def scenario(app, caplog, monkeypatch):
    """The output of a broad scenario."""
    caplog.set_level(logging.DEBUG)
    make_key(app, OLD, is_admin=True)
    scenario = Scenario(app)
    administer(scenario, app)
    with app.app_context():
        models = [mapper.class_ for mapper in db.Model.registry.mappers]
        scenario.seen += [repr(record) for model in models for record in db.session.scalars(db.select(model))]
        rows = [
            dict(row) for table in db.metadata.sorted_tables for row in db.session.execute(db.select(table)).mappings()
        ]
    scenario.rows = str(rows)
    break_the_database(scenario, app, monkeypatch)
    scenario.seen += [logging.Formatter("%(message)s %(args)s").format(record) for record in caplog.records]
    return scenario


def test_no_output_of_the_service_contains_a_secret(scenario):
    everything = "\n".join(scenario.seen)
    assert len(scenario.keys) > 8
    assert [secret for secret in scenario.secrets() if secret in everything] == []


def test_the_scenario_logs_faults_with_their_statements(scenario):
    everything = "\n".join(scenario.seen)
    for trace in ("unexpected error", "INSERT INTO apikey", "IntegrityError", "FROM idempotency_key"):
        assert trace in everything


def test_no_key_is_in_the_database(scenario):
    assert [key for key in [SALT, *scenario.keys] if key in scenario.rows] == []


def test_every_table_that_holds_digests_has_a_repr_without_them(app):
    digest = key_digest(SALT, OLD)
    for mapper in db.Model.registry.mappers:
        texts = [name for name, column in inspect(mapper).columns.items() if column.type.python_type is str]
        assert digest not in repr(mapper.class_(**dict.fromkeys(texts, digest)))


def test_the_repr_of_a_key_has_its_number(app):
    assert repr(APIKey(id=5, encrypted_key="digest")) == "<APIKey 5>"
