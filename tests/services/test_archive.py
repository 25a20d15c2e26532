import json
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import BigInteger, Boolean, Float, Integer, String, inspect, null, update
from sqlalchemy.types import JSON

from app.database.columns import JSONList, LongText, UTCDateTime, now
from app.extensions import db
from app.models import IdempotencyKey, RecipeRun, RecipeRunEvent
from app.services import archive, audit, bakery_secrets
from app.services.archive import sequences
from app.services.archive.format import BATCH
from tests.support import postgres
from tests.support.apps import SALT, application, copied, make_app
from tests.support.factories import make_bakery, make_event, make_feedstock, make_key, make_metadata, make_run
from tests.support.rows import cleaner

KINDS = ("sqlite", "postgresql")


@pytest.fixture(scope="module")
def apps(postgres_server, postgresql_template, sqlite_template, tmp_path_factory):
    """Two applications on separate databases for each kind of database: one to export, and one to import.

    Each is with a function that deletes its rows.
    """
    folder, made = tmp_path_factory.mktemp("archive"), {kind: [] for kind in KINDS}
    with ExitStack() as stack:
        for name in ("source", "target"):
            file = copied(sqlite_template, folder / name)
            database = stack.enter_context(postgres.database(postgres_server, postgresql_template))
            for kind, url in zip(KINDS, (file, database), strict=True):
                app = stack.enter_context(application(url))
                made[kind].append((app, stack.enter_context(cleaner(url))))
        yield made


def emptied(app, delete_rows):
    """Delete all rows of the database and reset its sequences. Return the application."""
    delete_rows()
    with app.app_context():
        for table in filter(sequences.assigns_ids, db.metadata.sorted_tables):
            sequences.set_last_id(db.session.connection(), table, 0)
        db.session.commit()
    return app


@pytest.fixture(params=KINDS)
def source(request, apps):
    """An application on an empty database."""
    return emptied(*apps[request.param][0])


@pytest.fixture(params=KINDS)
def target(request, apps):
    """An application on another empty database, of either kind."""
    return emptied(*apps[request.param][1])


def run(app, *arguments, **options):
    return app.test_cli_runner().invoke(args=arguments, **options)


def exported(app):
    """The lines that `flask export` writes."""
    result = run(app, "export")
    assert result.exit_code == 0, result.output
    return result.stdout_bytes.splitlines(keepends=True)


def imported(app, lines):
    return run(app, "import", "-", input=b"".join(lines))


def entries(lines, kind):
    return [entry for entry in map(json.loads, lines) if kind in entry]


def rows(lines, table):
    return [entry["row"] for entry in entries(lines, "row") if entry["table"] == table]


def line(**entry):
    return json.dumps(entry).encode() + b"\n"


def make_catalogue(app):
    """Records with all values that the two databases might treat differently."""
    bakery = make_bakery(app, name="Océans ☂ 🌊", description="", timeout_minutes=90)
    feedstock = make_feedstock(app)
    parents = {"bakery_id": bakery.id, "feedstock_id": feedstock.id}
    old = make_run(app, **parents, started_at=datetime(1, 1, 1, tzinfo=UTC), created_at=null(), updated_at=null())
    new = make_run(app, **parents, rerun_of=old.id, completed_at=datetime(2022, 3, 3, 0, 0, 0, 40, tzinfo=UTC))
    make_run(app, **parents, rerun_of=new.id, is_test=True, message='a "quote", a \\ and\na line\u2028', version="")
    make_event(app, old, before={"status": None}, after={"a": [1, 2.5, {"ü": [True, ""]}], "1": {}}, reason="")
    make_event(app, new, before=None, reason="Ψ")
    make_metadata(
        app, feedstock_id=feedstock.id, title="Ψ", keywords=["ö", "\u2028"], providers=[{"name": "é", "url": None}]
    )
    make_key(app, "one", label="Zoë")
    make_key(app, "two", is_active=None, is_admin=True, created_at=null())


def make_rerun_of_later_run(app):
    """Create two runs. The first is a rerun of the second."""
    first, second = make_run(app), make_run(app)
    with app.app_context():
        db.session.execute(update(RecipeRun).where(RecipeRun.id == first.id).values(rerun_of=second.id))
        db.session.commit()
    return first, second


def test_an_import_is_exported_again_as_the_same_bytes(source, target):
    make_catalogue(source)
    make_rerun_of_later_run(source)
    lines = exported(source)
    assert imported(target, lines).exit_code == 0
    assert exported(target) == lines
    assert run(target, "runs", "recount").output == "The counts agree with the runs.\n"


def test_a_webhook_secret_is_valid_after_an_import_with_the_same_salt(source, target):
    bakery = make_bakery(source)
    with source.app_context():
        _, secret = bakery_secrets.create(bakery.id, timedelta(0), "admin", SALT)
        db.session.commit()
    assert imported(target, exported(source)).exit_code == 0
    with target.app_context():
        assert bakery_secrets.valid(bakery.id, SALT) == [secret]


def test_an_empty_database_can_be_exported_and_imported(source, target):
    lines = exported(source)
    assert imported(target, lines).exit_code == 0
    assert exported(target) == lines
    assert make_bakery(target).id == 1


def test_the_first_line_has_the_format_and_revision_and_the_last_the_count(source):
    make_run(source)
    first, *_, last = exported(source)
    with source.app_context():
        (revision,) = db.session.execute(db.text("SELECT version_num FROM alembic_version")).one()
    assert json.loads(first) == {"pangeo_forge_export": 1, "revision": revision}
    assert last == b'{"rows":3}\n'


def test_a_row_has_all_columns_with_text_in_utf_8_and_times_in_utc(source):
    make_bakery(source, region="here", name="Océans", description="")
    lines = [line.decode() for line in exported(source) if b'"table":"bakery"' in line]
    assert lines[0] == (
        '{"table":"bakery","row":{"region":"here","name":"Océans","description":"","id":1,"timeout_minutes":null,'
        '"retired_at":null,"log_url":null}}\n'
    )
    make_run(source, bakery_id=1, started_at=datetime(2022, 3, 3, 2, 29, 54, 7, tzinfo=UTC), created_at=null())
    (row,) = rows(exported(source), "reciperun")
    assert (row["started_at"], row["is_test"], row["created_at"]) == ("2022-03-03T02:29:54.000007Z", False, None)


def test_rows_are_ordered_by_primary_key(source):
    for number in (3, 1, 2):
        make_feedstock(source, id=number)
    assert [row["id"] for row in rows(exported(source), "feedstock")] == [1, 2, 3]


def test_a_history_with_ids_beyond_32_bits_is_imported(source, target):
    run = make_run(source)
    with source.app_context():
        db.session.add(RecipeRunEvent(id=2**40, recipe_run_id=run.id, at=now(), actor="a", after={}))
        db.session.commit()
    lines = exported(source)
    assert imported(target, lines).exit_code == 0
    assert exported(target)[1:] == lines[1:]


def test_the_audit_log_is_exported_and_imported(source, target):
    with source.app_context():
        audit.add("create_bakery", "bakeries", 1, details={"members": []})
        lines = [json.loads(line) for line in archive.export(db.session.connection(), "a revision")]
        db.session.rollback()
    (entry,) = (line["row"] for line in lines if line.get("table") == "audit")
    assert (entry["actor"], entry["action"], entry["details"]) == ("system", "create_bakery", {"members": []})


def test_all_rows_of_several_batches_are_imported(source, target):
    with source.app_context():
        table = db.metadata.tables["feedstock"]
        db.session.execute(table.insert(), [{"spec": f"a/{n}", "provider": "github"} for n in range(2 * BATCH + 1)])
        db.session.commit()
    lines = exported(source)
    assert imported(target, lines).exit_code == 0
    assert exported(target) == lines
    assert len(rows(lines, "feedstock")) == 2 * BATCH + 1


def test_every_table_is_exported_or_listed_as_omitted(source):
    with source.app_context():
        found = set(inspect(db.engine).get_table_names()) - {"alembic_version"}
        there = {name for name in found if not name.startswith("dataset_search_index")}  # FTS5 makes these
        assert {table.name for table in archive.tables()} | archive.EXCLUDED == there


def test_an_export_supports_the_type_of_every_column(source):
    with source.app_context():
        kinds = {type(column.type) for table in archive.tables() for column in table.columns}
    assert kinds <= {BigInteger, Boolean, Float, Integer, String, LongText, JSON, JSONList, UTCDateTime}


def test_stored_idempotent_answers_are_not_exported(source):
    with source.app_context():
        answer = {"fingerprint": "f", "status": 201, "sealed_body": b"an answer", "created_at": now()}
        db.session.add(IdempotencyKey(scope="s", key="k", **answer))
        db.session.commit()
    lines = exported(source)
    assert b"an answer" not in b"".join(lines)
    assert entries(lines, "rows") == [{"rows": 0}]


def test_the_id_of_a_deleted_record_is_not_reused(source, target):
    make_bakery(source)
    deleted = make_bakery(source)
    with source.app_context():
        db.session.delete(deleted)
        db.session.commit()
    lines = exported(source)
    assert {"sequence": "bakery", "last": deleted.id} in entries(lines, "sequence")
    imported(target, lines)
    assert make_bakery(target).id == deleted.id + 1


@pytest.mark.parametrize("source", ["postgresql"], indirect=True)
def test_ids_continue_after_the_highest_id(source, target):
    make_bakery(source, id=41)
    imported(target, exported(source))
    assert make_bakery(target).id == 42


def test_a_run_may_repeat_a_later_run(source, target):
    first, second = make_rerun_of_later_run(source)
    assert imported(target, exported(source)).exit_code == 0
    assert {row["id"]: row["rerun_of"] for row in rows(exported(target), "reciperun")} == {
        first.id: second.id,
        second.id: None,
    }


def test_an_export_omits_concurrent_writes(source):
    make_bakery(source)
    with source.app_context(), archive.snapshot() as connection:
        assert archive.count(connection) == 1
        lines = archive.export(connection, "a revision")
        next(lines)
        make_bakery(source)
        assert list(lines)[-1] == b'{"rows":1}\n'


def test_progress_goes_to_standard_error(source, target):
    make_run(source)
    result = run(source, "export")
    assert "Exporting 3 rows" in result.stderr
    assert imported(target, [result.stdout_bytes]).stderr.endswith("Imported 3 rows.\n")


def test_an_exported_file_is_readable_by_its_owner_only(source, target, tmp_path):
    make_run(source)
    path = tmp_path / "catalogue.ndjson"
    assert run(source, "export", str(path)).stdout_bytes == b""
    assert path.stat().st_mode & 0o777 == 0o600
    assert run(target, "import", str(path)).exit_code == 0
    assert path.read_bytes() == b"".join(exported(target))


def test_a_failed_export_keeps_the_previous_file(source, tmp_path, monkeypatch):
    def broken(_connection, _revision):
        yield b"a line\n"
        raise OSError("the disk is full")

    monkeypatch.setattr(archive, "export", broken)
    path = tmp_path / "catalogue.ndjson"
    path.write_text("yesterday's")
    assert run(source, "export", str(path)).exit_code != 0
    assert {file.name: file.read_text() for file in tmp_path.iterdir()} == {"catalogue.ndjson": "yesterday's"}


def test_an_export_into_a_missing_folder_is_refused(source, tmp_path):
    result = run(source, "export", str(tmp_path / "none" / "export.ndjson"))
    sentence = f"Error: {tmp_path}/none is not a folder in which the export can be written.\n"
    assert (result.exit_code, result.stderr) == (1, sentence)


def test_an_export_does_not_replace_a_device(source):
    result = run(source, "export", "/dev/null")
    assert (result.exit_code, result.stderr) == (1, "Error: /dev/null is not a file.\n")


def test_an_import_into_a_database_with_rows_is_refused(source, target):
    make_bakery(target)
    lines = exported(source)
    result = imported(target, lines)
    assert result.exit_code == 1
    assert result.stderr.endswith("Error: The database is not empty: there are rows in bakery.\n")


@pytest.mark.parametrize("command", ["export", "import"])
def test_an_import_into_a_database_without_migrations_says_what_to_do(empty_url, command):
    app = make_app(empty_url)
    result = run(app, command)
    assert result.exit_code == 1
    assert result.stderr.startswith("Error: The database is empty, this release needs ")
    assert result.stderr.endswith(": run `flask db upgrade`.\n")


@pytest.mark.parametrize("command", ["export", "import"])
def test_an_import_into_a_database_of_a_later_release_is_refused(source, command):
    with source.app_context():
        (head,) = db.session.execute(db.text("SELECT version_num FROM alembic_version")).one()
        db.session.execute(db.text("UPDATE alembic_version SET version_num = '9999_later'"))
        db.session.commit()
        result = run(source, command)
        db.session.execute(db.text("UPDATE alembic_version SET version_num = :head"), {"head": head})
        db.session.commit()
    assert result.stderr.startswith("Error: The database is at revision 9999_later, ")
    assert result.stderr.endswith(f"`flask db downgrade {head}`.\n")


HEADER, FEEDSTOCK, SEQUENCE, END = range(4)
A_FEEDSTOCK = {"spec": "a/b", "provider": "github", "id": 1, "retired_at": None}


def feedstock(**fields):
    return line(table="feedstock", row=A_FEEDSTOCK | fields)


# The number of a line, its replacement, and the start of the sentence that refuses it.
FAULTS = {
    "another format": (
        HEADER,
        line(pangeo_forge_export=2),
        "Line 1: this is not the first line of an export in format 1.",
    ),
    "no header": (HEADER, b"", "Line 1: this is not the first line of an export in format 1."),
    "another revision": (
        HEADER,
        line(pangeo_forge_export=1, revision="81c7d27bde71"),
        "Line 1: the export has revision 81c7d27bde71, this database has ",
    ),
    "a line that is not JSON": (FEEDSTOCK, b'{"table":\n', "Line 2: this is not JSON: "),
    "a line that is not an object": (FEEDSTOCK, b"[]\n", "Line 2: this is not a JSON object."),
    "an unknown line": (FEEDSTOCK, line(table="feedstock"), "Line 2: this is not a line of an export."),
    "an unknown table": (FEEDSTOCK, line(table="cookie", row={}), "Line 2: there is no table 'cookie'."),
    "a table left out": (FEEDSTOCK, line(table="idempotency_key", row={}), "Line 2: there is no table"),
    "an unknown column": (FEEDSTOCK, feedstock(stars=5), "Line 2: there is no column feedstock.stars."),
    "a missing column": (FEEDSTOCK, line(table="feedstock", row={}), "Line 2: a value is missing for feedstock."),
    "null": (FEEDSTOCK, feedstock(spec=None), "Line 2: feedstock.spec must be a string."),
    "another type": (FEEDSTOCK, feedstock(id="1"), "Line 2: feedstock.id must be a whole number."),
    "a boolean": (FEEDSTOCK, feedstock(id=True), "Line 2: feedstock.id must be a whole number."),
    "a row twice": (FEEDSTOCK, feedstock() + feedstock(spec="c/d"), "Line 3: the database refuses this row: "),
    "a number too large": (FEEDSTOCK, feedstock(id=2**31), "Line 2: feedstock.id must fit 32 bits."),
    "a NUL": (FEEDSTOCK, feedstock(spec="a\0"), "Line 2: feedstock.spec must not contain the character U+0000."),
    "an invalid id": (SEQUENCE, line(sequence="feedstock", last=2**31), "Line 3: 2147483648 is not a valid id."),
    "an unknown sequence": (SEQUENCE, line(sequence="cookie", last=1), "Line 3: there is no table 'cookie'."),
    "a wrong count": (END, line(rows=2), "Line 4: this line counts 2 rows, but 1 came before it."),
    "a missing end": (END, b"", "The export is truncated: the number of rows is missing after line 3."),
    "two ends": (END, line(rows=1) + line(rows=1), "Line 5: the number of rows must be the last line."),
}


def revision_of(app):
    return json.loads(exported(app)[0])["revision"]


@pytest.mark.parametrize("fault", FAULTS)
def test_a_faulty_export_is_refused_with_the_line_and_changes_nothing(target, fault):
    good = [line(pangeo_forge_export=1, revision=revision_of(target)), feedstock()]
    good += [line(sequence="feedstock", last=1), line(rows=1)]
    position, replacement, sentence = FAULTS[fault]
    before = exported(target)
    result = imported(target, [*good[:position], replacement, *good[position + 1 :]])
    assert result.exit_code == 1
    assert f"Error: {sentence}" in result.stderr
    assert exported(target) == before


def test_an_empty_file_is_refused(target):
    assert "Error: The export is truncated" in imported(target, []).stderr


def edited(text, **values):
    """The line of a row with other values."""
    entry = json.loads(text)
    return line(table=entry["table"], row=entry["row"] | values)


@pytest.mark.parametrize("reference", ["bakery_id", "feedstock_id", "rerun_of"])
def test_a_reference_to_a_missing_row_is_refused_with_its_line(source, target, reference):
    make_run(source)
    lines = exported(source)
    (position,) = [number for number, text in enumerate(lines) if b'"recipe_id"' in text]
    lines[position] = edited(lines[position], **{reference: 99})
    result = imported(target, lines)
    assert f"Error: Line {position + 1}: the database refuses this row: " in result.stderr
    assert rows(exported(target), "bakery") == []


@pytest.mark.parametrize("time", ["2022-03-03T02:29:54", "2022-03-03T02:29:54+02:00", "yesterdayZ", 5])
def test_a_time_that_is_not_in_utc_is_refused(source, target, time):
    make_key(source, "a key")
    header, key, *rest = exported(source)
    result = imported(target, [header, edited(key, created_at=time), *rest])
    assert "Error: Line 2: " in result.stderr
