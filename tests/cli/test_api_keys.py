"""`flask api-keys`: key management for administrators with a shell."""

import pytest
from sqlalchemy import null

from app.extensions import db
from app.models import APIKey
from tests.support.apps import make_app
from tests.support.factories import make_bakery, make_key


@pytest.fixture
def run(app):
    return lambda *arguments: app.test_cli_runner().invoke(args=["api-keys", *arguments])


def table(result):
    """The cells of the table, row by row."""
    return [[cell.strip() for cell in line.split("  ") if cell.strip()] for line in result.stdout.splitlines()]


def works(app, key):
    return app.test_client().get("/api-keys/me", headers={"X-API-Key": key}).status_code == 200


def test_create_prints_the_key_alone_on_standard_output(app, run):
    result = run("create", "--label", "dataflow")
    key = result.stdout.strip()
    assert (result.exit_code, works(app, key), key.count("\n")) == (0, True, 0)
    assert result.stderr.startswith("API key ")


def test_create_accepts_scopes_and_an_expiry(app, run, admin):
    one, two = (f"bakery:{make_bakery(app).id}" for _ in range(2))
    assert run("create", "--scope", one, "--scope", two, "--days", "30").exit_code == 0
    (shown,) = admin.get("/api-keys").json
    assert (shown["scopes"], shown["created_by"]) == ([one, two], "system")
    assert shown["expires_at"] > shown["created_at"]


def test_list_is_a_table_with_aligned_columns_and_no_key(app, run):
    key = run("create", "--label", "dataflow").stdout.strip()
    make_key(app, "old", is_admin=True, label="a\nb\x1b[2J", created_at=null())
    result = run("list")
    head, first, second = result.stdout.splitlines()
    assert head.split() == ["ID", "LABEL", "SCOPES", "STATE", "CREATED", "BY", "EXPIRES", "LAST", "USED"]
    assert (first.index("write"), second.index("admin")) == (head.index("SCOPES"), head.index("SCOPES"))
    assert second.split()[1:] == ["a?b?[2J", "admin", "active", "-", "-", "-", "-"]
    assert key not in result.output


def test_list_says_that_there_are_no_keys(run):
    assert run("list").stdout == "There are no API keys except the admin key of the configuration.\n"


def test_list_shows_the_state_of_each_key(app, run):
    with app.app_context():
        for number in (1, 2, 3, 4):
            db.session.add(APIKey(id=900 + number, encrypted_key=str(number), is_active=number != 1))
        db.session.commit()
    run("rotate", "902")
    run("rotate", "903", "--grace-hours", "0")
    states = {row[0]: row[3] for row in table(run("list"))}
    assert [states[f"90{number}"] for number in (1, 3, 4)] == ["revoked", "expired", "active"]
    assert states["902"].startswith("replaced by ")


def test_revoke_deactivates_a_key_at_once(app, run):
    record = make_key(app, "a-key")
    assert run("revoke", str(record.id)).stdout == f"API key {record.id} is revoked.\n"
    assert not works(app, "a-key")


def test_rotate_prints_the_new_key_and_keeps_the_old_one_for_a_day(app, run):
    record = make_key(app, "a-key")
    result = run("rotate", str(record.id))
    assert (works(app, "a-key"), works(app, result.stdout.strip())) == (True, True)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("revoke", "999"), "API key 999 not found"),
        (("rotate", "999"), "API key 999 not found"),
        (("create", "--label", "admin"), "label: admin is reserved."),
        (("create", "--scope", "bakery:999"), "scopes: bakery 999 not found"),
        (
            ("create", "--scope", "root"),
            "scopes: Must be admin, write or bakery:ID with the id of a bakery, such as bakery:1.",
        ),
        (
            ("create", "--scope", "admin", "--scope", "write"),
            "scopes: Must be admin alone, write alone, or one or more bakeries.",
        ),
    ],
)
def test_a_failing_command_prints_a_sentence_and_exits_with_1(run, admin, arguments, sentence):
    result = run(*arguments)
    assert (result.exit_code, result.stdout, result.stderr) == (1, "", f"Error: {sentence}\n")
    assert admin.get("/audit").json == []


@pytest.mark.parametrize("arguments", [["list"], ["create"], ["revoke", "1"], ["rotate", "1"]])
def test_commands_report_a_database_without_migrations(empty_url, arguments):
    result = make_app(empty_url).test_cli_runner().invoke(args=["api-keys", *arguments])
    assert (result.exit_code, result.stderr.partition(",")[0]) == (1, "Error: The database is empty")


def test_each_command_is_in_the_audit_log(run, admin):
    run("create")
    number = str(admin.get("/api-keys").json[0]["id"])
    run("rotate", number)
    run("revoke", number)
    found = [(entry["actor"], entry["action"], str(entry["resource_id"])) for entry in admin.get("/audit").json]
    assert found == [("system", f"{verb}_api_key", number) for verb in ("create", "rotate", "update")]
