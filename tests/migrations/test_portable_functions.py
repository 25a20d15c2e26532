"""The functions of PostgreSQL work in any schema, beside a copy of themselves, and can be created again."""

from itertools import count

import pytest
from sqlalchemy.exc import ProgrammingError

from app.extensions import MIGRATIONS, db
from tests.migrations.test_run_counts import exact
from tests.support import postgres
from tests.support.apps import ADMIN_KEY
from tests.support.databases import CHAIN, RUN, application, check, downgrade, fill, on_postgresql, sql, upgrade
from tests.support.factories import run_body

pytestmark = on_postgresql

DEFINITIONS = "".join(file.read_text() for file in sorted(MIGRATIONS.glob("versions/*.sql")))
KEY = {"X-API-Key": ADMIN_KEY}
FUNCTIONS = (
    "SELECT proname, prosrc, prosecdef, proconfig, proacl, pg_get_userbyid(proowner) FROM pg_proc "
    "WHERE pronamespace = 'public'::regnamespace ORDER BY 1"
)
TRIGGERS = "SELECT tgname, tgenabled, pg_get_triggerdef(oid) FROM pg_trigger WHERE NOT tgisinternal ORDER BY 1"
NUMBERS = count()
COUNT = "SELECT coalesce(sum(runs), 0) FROM {}.reciperun_count WHERE slice::text = 'all'"


def move(url, schema="tenant"):
    """Rename the schema and set the path of the role, as an operator would."""
    postgres.execute(url, f"ALTER SCHEMA public RENAME TO {schema}")
    postgres.execute(url, f"ALTER ROLE {url.username} IN DATABASE {url.database} SET search_path = {schema}")


@pytest.fixture(params=["tenant", '"Tenant 2"'])
def moved(request, migrated_url):
    """An application on a migrated database whose schema has been renamed."""
    move(migrated_url, request.param)
    with application(migrated_url) as app:
        yield app


def write_runs(app):
    """Create, change and delete runs in each way of the API. One of those that stay has failed."""
    client = app.test_client()
    body, spec = run_body(app), {"spec": f"a/{next(NUMBERS)}"}
    failed = body | {"status": "completed", "conclusion": "failure"}
    first = client.post("/recipe_runs/", json=body, headers=KEY).json["id"]
    assert client.post("/recipe_runs/bulk", json={"recipe_runs": [body, body, failed]}, headers=KEY).status_code == 201
    for change in ({"status": "in_progress"}, {"conclusion": "failure"}):
        assert client.patch(f"/recipe_runs/{first}", json=change, headers=KEY).status_code == 200
    assert client.delete(f"/recipe_runs/{first}", headers=KEY).status_code == 200
    assert client.post("/feedstocks/", json=spec, headers=KEY).status_code == 201


def test_every_write_works_in_a_renamed_schema_and_the_counts_are_exact(moved):
    write_runs(moved)
    assert moved.test_client().get("/stats/recipe_runs").json == {"count": 3}
    assert exact(moved)
    assert moved.test_cli_runner().invoke(args=["runs", "recount"]).output == "The counts agree with the runs.\n"


def test_truncate_and_compaction_work_in_a_renamed_schema(moved):
    fill(moved)
    for _ in range(3):
        sql(moved, RUN)
    sql(moved, "SELECT reciperun_count_compact(ARRAY['all'])")
    assert sql(moved, "SELECT runs FROM reciperun_count WHERE slice = 'all'") == [(4,)]
    sql(moved, "TRUNCATE reciperun CASCADE")
    assert sql(moved, "SELECT count(*) FROM reciperun_count") == [(0,)]


def test_migrations_work_in_a_renamed_schema_in_both_directions(moved):
    check(moved)
    write_runs(moved)
    downgrade(moved, CHAIN[0])
    upgrade(moved)
    check(moved)
    write_runs(moved)
    assert exact(moved)


def test_an_upgrade_repairs_a_database_that_was_moved_before(empty_url):
    with application(empty_url) as app:
        upgrade(app, "0017_readable_times")
    move(empty_url)
    with application(empty_url) as app:
        with pytest.raises(ProgrammingError, match=r"public\.reciperun_count"):
            fill(app)
        upgrade(app)
        write_runs(app)
        assert exact(app)


def test_the_release_before_works_after_a_downgrade(empty_url):
    with application(empty_url) as app:
        upgrade(app)
        downgrade(app, "0017_readable_times")
        fill(app)
        assert exact(app)


def test_the_upgrade_waits_for_no_writer_and_counts_what_it_writes(empty_url):
    with application(empty_url) as app:
        upgrade(app, "0017_readable_times")
        fill(app)
        with app.app_context(), db.engine.begin() as writer:
            writer.exec_driver_sql(RUN)
            upgrade(app, "0018_portable_functions")
            writer.exec_driver_sql(RUN)
        assert sql(app, COUNT.format("public")) == [(3,)]


def test_a_migration_stays_in_the_schema_of_the_tables(empty_url):
    with application(empty_url) as app:
        upgrade(app, "0012_list_indexes")
    postgres.execute(empty_url, "CREATE SCHEMA other")
    postgres.execute(empty_url, f"ALTER DATABASE {empty_url.database} SET search_path = other, public")
    with application(empty_url) as app:
        upgrade(app)
        write_runs(app)
        assert exact(app)
    found = "SELECT count(*) FROM pg_class WHERE relnamespace = 'other'::regnamespace"
    assert postgres.execute(empty_url, found) == [(0,)]


@pytest.fixture
def copies(empty_url):
    """An application on the first of two copies in one database, each in a schema."""
    for schema in ("one", "two"):
        postgres.execute(empty_url, f"CREATE SCHEMA {schema}")
        postgres.execute(empty_url, f"ALTER DATABASE {empty_url.database} SET search_path = {schema}")
        with application(empty_url) as app:
            upgrade(app)
            fill(app)
    postgres.execute(empty_url, f"ALTER DATABASE {empty_url.database} SET search_path = one, two")
    with application(empty_url) as app:
        yield app


def test_a_copy_in_another_schema_counts_its_own_runs_whatever_the_path_of_the_writer(copies):
    write_runs(copies)
    for name in ("two", "two", "one"):
        sql(copies, RUN.replace("reciperun", f"{name}.reciperun"))
    with copies.app_context(), db.engine.begin() as connection:  # one session, so that plans are reused
        for name in ("one", "two", "one", "two"):
            connection.exec_driver_sql(RUN.replace("reciperun", f"{name}.reciperun"))
    assert [sql(copies, COUNT.format(name))[0][0] for name in ("one", "two")] == [7, 5]


def test_a_temporary_table_does_not_hide_the_counts(migrated_url):
    with application(migrated_url) as app:
        sql(app, "CREATE TEMPORARY TABLE reciperun_count (LIKE reciperun_count); SELECT 1")
        fill(app)
        assert sql(app, COUNT.format("public")) == [(1,)]


@pytest.fixture
def intruder(migrated_url):
    """A role that may write runs and create objects in the schema."""
    name = migrated_url.database.replace("pangeo_forge", "intruder")
    postgres.execute(migrated_url, f"CREATE ROLE {name} LOGIN")
    postgres.execute(migrated_url, f"GRANT ALL ON SCHEMA public TO {name}; GRANT ALL ON reciperun TO {name}")
    postgres.execute(migrated_url, f"GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO {name}")
    postgres.execute(migrated_url, f"GRANT CREATE ON DATABASE {migrated_url.database} TO {name}")
    yield migrated_url.set(username=name)
    postgres.execute(migrated_url, f"DROP OWNED BY {name} CASCADE")
    postgres.execute(migrated_url, f"DROP ROLE {name}")


# Each matches an argument better than PostgreSQL's own, if the call does not have exactly its types.
TRAPS = (
    "FUNCTION {}.array_agg_step(text[], varchar) RETURNS text[]",
    "FUNCTION {}.trap(text, integer) RETURNS text",
    "FUNCTION {}.trap(varchar, text) RETURNS boolean",
    "FUNCTION {}.trap(numeric, integer) RETURNS boolean",
    "FUNCTION {}.trap(double precision, numeric) RETURNS boolean",
    "FUNCTION {}.current_setting(varchar) RETURNS text",
)
OPERATORS = (
    "|| (LEFTARG = text, RIGHTARG = integer, FUNCTION = {}.trap)",
    "= (LEFTARG = varchar, RIGHTARG = text, FUNCTION = {}.trap)",
    "<> (LEFTARG = numeric, RIGHTARG = integer, FUNCTION = {}.trap)",
    "< (LEFTARG = double precision, RIGHTARG = numeric, FUNCTION = {}.trap)",
)
SPRUNG = "LANGUAGE plpgsql AS $$ BEGIN RAISE 'the trap of %', current_user; END $$"


def test_the_functions_call_nothing_that_another_role_has_created(migrated_url, intruder):
    for trap in TRAPS:
        postgres.execute(intruder, f"CREATE {trap} {SPRUNG}".format("public"))
    for operator in OPERATORS:
        postgres.execute(intruder, f"CREATE OPERATOR public.{operator.format('public')}")
    aggregate = "CREATE AGGREGATE public.array_agg(varchar) (SFUNC = public.array_agg_step, STYPE = text[])"
    postgres.execute(intruder, aggregate)
    with application(migrated_url) as app:
        fill(app)
        sql(app, "SELECT setseed(0.5)")
        sql(app, "; ".join([RUN] * 300))
        sql(app, "SELECT reciperun_count_compact(ARRAY['all'])")
        sql(app, "UPDATE reciperun SET is_test = true, failure_class = 'lost'; DELETE FROM reciperun WHERE id > 100")
        sql(app, "SELECT reciperun_failures_compact(array_agg(id)) FROM reciperun_count_failure")
        assert sql(app, COUNT.format("public")) == [(100,)]


def test_the_functions_refuse_a_table_of_another_owner(migrated_url, intruder):
    postgres.execute(migrated_url, "GRANT EXECUTE ON FUNCTION reciperun_count_truncate() TO PUBLIC")
    postgres.execute(intruder, "CREATE SCHEMA mine CREATE TABLE reciperun (i int) CREATE TABLE reciperun_count (i int)")
    trigger = "CREATE TRIGGER t AFTER TRUNCATE ON mine.reciperun EXECUTE FUNCTION public.reciperun_count_truncate()"
    postgres.execute(intruder, trigger)
    with pytest.raises(Exception, match="table reciperun and its functions have different owners"):
        postgres.execute(intruder, "TRUNCATE mine.reciperun")


def test_only_the_owner_may_create_triggers_with_the_functions(migrated_url, intruder):
    postgres.execute(intruder, "CREATE TABLE public.other (id int)")
    trigger = "CREATE TRIGGER t AFTER TRUNCATE ON other EXECUTE FUNCTION reciperun_count_truncate()"
    with pytest.raises(Exception, match="permission denied for function"):
        postgres.execute(intruder, trigger)


def test_the_sql_file_creates_what_is_missing_and_repairs_what_differs(migrated_url, intruder):
    before = [postgres.execute(migrated_url, query) for query in (FUNCTIONS, TRIGGERS)]
    for damage in (
        "DROP FUNCTION reciperun_count_insert() CASCADE",
        "ALTER TABLE reciperun DISABLE TRIGGER reciperun_count_delete",
        f"ALTER FUNCTION reciperun_count_update() OWNER TO {intruder.username}",
        "GRANT EXECUTE ON FUNCTION reciperun_count_truncate() TO PUBLIC",
        "CREATE OR REPLACE FUNCTION audit_refuse() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'",
        "ALTER TABLE audit DISABLE TRIGGER USER",
    ):
        postgres.execute(migrated_url, damage)
    assert postgres.execute(migrated_url, TRIGGERS) != before[1]
    postgres.execute(migrated_url, DEFINITIONS)
    assert [postgres.execute(migrated_url, query) for query in (FUNCTIONS, TRIGGERS)] == before
