"""`flask doctor` says what a restored, moved or changed database lacks, and the commands that it names repair it."""

import re
import subprocess
from functools import partial

import pytest

from app.extensions import MIGRATIONS
from app.ops import doctor
from app.ops.doctor.schema import SQLITE_TRIGGERS
from tests.support import postgres
from tests.support.apps import ADMIN_KEY
from tests.support.databases import RUN, application, fill, on_postgresql, on_sqlite, sql
from tests.support.factories import run_body

KEY = {"X-API-Key": ADMIN_KEY}
DEFINITIONS = "".join(file.read_text() for file in sorted(MIGRATIONS.glob("versions/*.sql")))


def problems(url, **settings):
    """The sentences of the checks that fail for the database at `url`."""
    with application(url) as app:
        app.config.update(settings)
        with app.app_context():
            return {name: sentence for name, sentence, passed in doctor.examine() if not passed}


def commands(sentence):
    """The commands in a sentence, which are between backticks."""
    return re.findall("`([^`]+)`", sentence)


@pytest.fixture
def role(migrated_url):
    """The URL of the database with the name of a new role, which has no rights on tables yet."""
    name = migrated_url.database.replace("pangeo_forge", "role")
    postgres.execute(migrated_url, f"CREATE ROLE {name} LOGIN")
    yield migrated_url.set(username=name)
    postgres.execute(migrated_url, f"DROP OWNED BY {name}")
    postgres.execute(migrated_url, f"DROP ROLE {name}")


@pytest.fixture
def restored(migrated_url, postgres_server, tmp_path):
    """The URL, with a role, of a copy restored with --no-owner and `GRANT ALL ON ALL TABLES`, and nothing else."""
    with application(migrated_url) as app:
        fill(app)
    dump = tmp_path / "dump"
    target = migrated_url.render_as_string(hide_password=False)
    subprocess.run([postgres.tool("pg_dump"), "-Fc", "-f", dump, target], check=True)
    with postgres.database(postgres_server) as url:
        target, name = url.render_as_string(hide_password=False), url.database.replace("pangeo_forge", "role")
        subprocess.run([postgres.tool("pg_restore"), "--no-owner", "--no-acl", "-d", target, dump], check=True)
        postgres.execute(url, f"CREATE ROLE {name} LOGIN")
        postgres.execute(url, f"GRANT ALL ON ALL TABLES IN SCHEMA public TO {name}")
        yield url.set(username=name)
        postgres.execute(url, f"DROP OWNED BY {name}")
        postgres.execute(url, f"DROP ROLE {name}")


@on_postgresql
def test_after_a_restore_without_owners_the_doctor_names_what_is_missing(restored):
    found = problems(restored)
    assert list(found) == ["ownership", "rights", "triggers"]
    assert found["ownership"].startswith(f"The role {restored.username} could not migrate the database")
    assert "postgres owns alembic_version, apikey, audit" in found["ownership"]
    assert commands(found["rights"]) == [
        "GRANT USAGE ON SEQUENCE public.apikey_id_seq, public.audit_id_seq, public.bakery_id_seq, "
        "public.bakery_secret_id_seq, public.dataset_check_id_seq, public.dataset_event_id_seq, "
        "public.dataset_search_queue_id_seq, public.feedstock_alias_id_seq, public.feedstock_id_seq, "
        "public.reciperun_count_duration_id_seq, public.reciperun_count_failure_id_seq, "
        "public.reciperun_count_id_seq, public.reciperun_count_period_id_seq, "
        "public.reciperun_event_id_seq, public.reciperun_id_seq "
        f"TO {restored.username}"
    ]
    assert found["triggers"].startswith("Every role may execute the functions dataset_delete")


@on_postgresql
def test_the_commands_that_the_doctor_names_complete_the_restore(restored):
    owner = restored.set(username="postgres")
    for command in commands(problems(restored)["rights"]):
        postgres.execute(owner, command)
    postgres.execute(owner, DEFINITIONS)
    direct = owner.set(drivername="postgresql+psycopg2")
    assert problems(restored, MIGRATION_DATABASE_URI=direct) == {}
    with application(restored) as app:
        body = run_body(app, bakery_id=1, feedstock_id=1)
        assert app.test_client().post("/recipe_runs/", json=body, headers=KEY).status_code == 201


@on_postgresql
def test_a_role_that_may_only_read_gets_the_grants_to_run(migrated_url, role):
    postgres.execute(migrated_url, f"GRANT SELECT ON ALL TABLES IN SCHEMA public TO {role.username}")
    found = problems(role)
    assert list(found) == ["ownership", "rights"]
    [grants] = commands(found["rights"])
    assert grants.startswith(f"GRANT DELETE, INSERT, UPDATE ON apikey TO {role.username}; GRANT INSERT ON audit TO")
    postgres.execute(migrated_url, grants)
    assert list(problems(role)) == ["ownership"]


@on_postgresql
def test_a_role_without_any_right_gets_the_grants_to_run(migrated_url, role):
    found = problems(role)
    assert found["migrations"].startswith("The database refused the check: permission denied for table alembic")
    postgres.execute(migrated_url, *commands(found["rights"]))
    assert list(problems(role)) == ["ownership"]


@on_postgresql
def test_a_command_without_a_right_prints_a_sentence(migrated_url, role):
    with application(role) as app:
        list_keys = partial(app.test_cli_runner().invoke, args=["api-keys", "list"])
        for table in ("alembic_version", "apikey"):
            refusal = f"Error: The database refuses the statement: permission denied for table {table}"
            assert list_keys().output.startswith(refusal)
            postgres.execute(migrated_url, f"GRANT SELECT ON {table} TO {role.username}")
        assert list_keys().exit_code == 0


@on_postgresql
def test_a_renamed_schema_is_named(migrated_url):
    postgres.execute(migrated_url, "ALTER SCHEMA public RENAME TO tenant")
    assert problems(migrated_url)["migrations"].startswith("The tables are in the schema tenant, where the role does")
    postgres.execute(migrated_url, f"ALTER DATABASE {migrated_url.database} SET search_path = tenant")
    with application(migrated_url) as app, app.app_context():
        assert ("schema", "All tables are in the schema tenant.", True) in list(doctor.examine())


@on_postgresql
def test_tables_in_several_schemas_are_a_problem(migrated_url):
    postgres.execute(migrated_url, "CREATE SCHEMA other; ALTER TABLE bakery SET SCHEMA other")
    postgres.execute(migrated_url, f"ALTER DATABASE {migrated_url.database} SET search_path = public, other")
    found = problems(migrated_url)
    assert list(found) == ["schema"]
    assert found["schema"].startswith("The tables are in several schemas: other has bakery; public has alembic_version")


def test_a_missing_table_or_column_is_a_problem(migrated_url):
    with application(migrated_url) as app:
        sql(app, "DROP TABLE idempotency_key")
        sql(app, "ALTER TABLE feedstock RENAME COLUMN provider TO provided_by")
    lacking = "The database lacks feedstock.provider, idempotency_key."
    assert problems(migrated_url)["schema"].startswith(lacking)


# What is wrong, and how the sentence about it begins.
DAMAGE = {
    "DROP FUNCTION reciperun_count_insert() CASCADE": "The triggers reciperun_count_insert are missing or disabled",
    "ALTER TABLE reciperun DISABLE TRIGGER USER": "The triggers reciperun_count_delete, reciperun_count_insert, ",
    "ALTER FUNCTION reciperun_count_delete() SECURITY INVOKER": "The functions reciperun_count_delete are missing or",
    "CREATE OR REPLACE FUNCTION audit_refuse() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'": (
        "The functions audit_refuse are missing or not those of this release."
    ),
    "GRANT EXECUTE ON FUNCTION reciperun_count_truncate() TO PUBLIC": "Every role may execute the functions",
    "ALTER DATABASE {database} SET session_replication_role = replica": "No trigger fires, because",
}


@pytest.mark.parametrize("damage", DAMAGE)
@on_postgresql
def test_triggers_that_are_not_those_of_this_release_are_a_problem(migrated_url, damage):
    postgres.execute(migrated_url, damage.format(database=migrated_url.database))
    found = problems(migrated_url)
    assert list(found) == ["triggers"]
    assert found["triggers"].startswith(DAMAGE[damage])
    if "psql -f" in found["triggers"]:
        assert commands(found["triggers"])[0].startswith("psql -f migrations/versions/0018_portable_functions.sql -f ")
        postgres.execute(migrated_url, DEFINITIONS)
        assert problems(migrated_url) == {}


@on_postgresql
def test_functions_of_another_owner_than_the_table_are_a_problem(migrated_url, role):
    postgres.execute(migrated_url, f"ALTER FUNCTION reciperun_count_insert() OWNER TO {role.username}")
    found = problems(migrated_url)
    assert list(found) == ["ownership"]
    assert found["ownership"].startswith("The table reciperun belongs to postgres, but its functions to role_")
    postgres.execute(migrated_url, DEFINITIONS)
    assert problems(migrated_url) == {}


@on_sqlite
def test_a_missing_trigger_of_sqlite_is_a_problem(migrated_url):
    with application(migrated_url) as app:
        assert {
            name for (name,) in sql(app, "SELECT name FROM sqlite_master WHERE type = 'trigger'")
        } == SQLITE_TRIGGERS
        sql(app, "DROP TRIGGER audit_no_replace")
    assert problems(migrated_url)["triggers"].startswith("The triggers audit_no_replace are missing.")


@on_postgresql
def test_a_sequence_behind_the_ids_is_a_problem(migrated_url):
    assert problems(migrated_url) == {}
    with application(migrated_url) as app:
        fill(app)
        sql(app, "INSERT INTO bakery (id, region, name, description) VALUES (7, 'r', 'n', '')")
    found = problems(migrated_url)
    assert list(found) == ["sequences"]
    assert commands(found["sequences"]) == ["SELECT setval('bakery_id_seq', 7)"]
    postgres.execute(migrated_url, *commands(found["sequences"]))
    assert problems(migrated_url) == {}


def test_wrong_counts_are_a_problem(migrated_url):
    with application(migrated_url) as app:
        fill(app)
        sql(app, RUN)
        sql(app, "DELETE FROM reciperun_count")
    found = problems(migrated_url)
    assert found == {"counts": "There are 2 runs, but the counts say 0. Run `flask runs recount`."}
    with application(migrated_url) as app:
        assert app.test_cli_runner().invoke(args=["runs", "recount"]).exit_code == 0
    assert problems(migrated_url) == {}
