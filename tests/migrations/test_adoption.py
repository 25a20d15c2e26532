"""Databases of the original are adopted in place at any of its revisions, and can be downgraded again.

They are built by the DDL of the original, which pg_dump has printed. The original migrated no SQLite database. There,
our migrations replace its DDL.
"""

import re
from collections import Counter
from datetime import datetime, timedelta

import pytest
from sqlalchemy import text

from app.database.columns import now
from app.extensions import db
from app.keys import key_digest
from tests.support import postgres
from tests.support.apps import SALT
from tests.support.catalogue import DUMP, restore
from tests.support.databases import ORIGINAL, application, check, contents, downgrade, on_postgresql, sql, upgrade
from tests.support.factories import RUN_FIELDS
from tests.support.live import ROOT

needs_dump = pytest.mark.skipif(not DUMP, reason="PANGEO_FORGE_DUMP names no dump of the original's database")

SERIAL = """
CREATE SEQUENCE public.{0}_id_seq AS integer START WITH 1 INCREMENT BY 1 NO MINVALUE NO MAXVALUE CACHE 1;
ALTER SEQUENCE public.{0}_id_seq OWNED BY public.{0}.id;
ALTER TABLE ONLY public.{0} ALTER COLUMN id SET DEFAULT nextval('public.{0}_id_seq'::regclass);
ALTER TABLE ONLY public.{0} ADD CONSTRAINT {0}_pkey PRIMARY KEY (id);
"""
DDL = {
    "81c7d27bde71": """
CREATE TABLE public.alembic_version (version_num character varying(32) NOT NULL);
ALTER TABLE ONLY public.alembic_version ADD CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num);
CREATE TABLE public.reciperun (
    recipe_id character varying NOT NULL,
    bakery_id integer NOT NULL,
    feedstock_id integer NOT NULL,
    head_sha character varying NOT NULL,
    version character varying NOT NULL,
    started_at timestamp without time zone NOT NULL,
    completed_at timestamp without time zone,
    conclusion character varying,
    status character varying,
    message character varying,
    id integer NOT NULL
);"""
    + SERIAL.format("reciperun"),
    "6197f9c7aff6": """
CREATE TABLE public.bakery (
    region character varying NOT NULL,
    name character varying NOT NULL,
    description character varying NOT NULL,
    id integer NOT NULL
);
CREATE TABLE public.feedstock (
    spec character varying NOT NULL,
    provider character varying NOT NULL,
    id integer NOT NULL
);"""
    + SERIAL.format("bakery")
    + SERIAL.format("feedstock")
    + """
ALTER TABLE ONLY public.reciperun
    ADD CONSTRAINT reciperun_bakery_id_fkey FOREIGN KEY (bakery_id) REFERENCES public.bakery(id);
ALTER TABLE ONLY public.reciperun
    ADD CONSTRAINT reciperun_feedstock_id_fkey FOREIGN KEY (feedstock_id) REFERENCES public.feedstock(id);
""",
    "b0ec74f6d899": """
CREATE TABLE public.apikey (
    is_active boolean,
    is_admin boolean,
    created_at timestamp without time zone,
    encrypted_key character varying NOT NULL
);
ALTER TABLE ONLY public.apikey ADD CONSTRAINT apikey_pkey PRIMARY KEY (encrypted_key);
""",
    "70bcddc9fffa": """
ALTER TABLE public.reciperun ADD COLUMN is_test boolean NOT NULL;
ALTER TABLE public.reciperun ADD COLUMN dataset_type character varying;
ALTER TABLE public.reciperun ADD COLUMN dataset_public_url character varying;
""",
    "0499cef6b57a": """
DROP TABLE public.apikey;
ALTER TABLE public.reciperun ALTER COLUMN status SET NOT NULL;
""",
}
WITH_PARENTS, WITH_KEYS, WITH_DATASETS = ORIGINAL[1:], ORIGINAL[2:4], ORIGINAL[3:]

BAKERY = {"region": "us-central1", "name": "ldeo", "description": "Océans ☂"}
FEEDSTOCK = {"spec": "pangeo-forge/gpcp-feedstock", "provider": "github"}
RUN = {
    "recipe_id": "gpcp",
    "bakery_id": 1,
    "feedstock_id": 1,
    "head_sha": "35d889f7c89e9f0d72353a0649ed1cd8da04826b",
    "version": "0.0",
    "started_at": "2022-03-03 02:29:54",
    "completed_at": None,
    "conclusion": None,
    "status": "in_progress",
    "message": None,
}
NO_DATASET = {"is_test": False, "dataset_type": None, "dataset_public_url": None}
DATASET = {"is_test": True, "dataset_type": "zarr", "dataset_public_url": "https://example.org/gpcp.zarr"}

# The fields that the original does not have are null in its runs.
OURS = dict.fromkeys({*RUN_FIELDS} - {*RUN, *DATASET, "id"})

PLACEHOLDERS = {
    "bakery": {"region": "unknown", "name": "bakery-1", "description": ""},
    "feedstock": {"spec": "unknown/feedstock-1", "provider": "github"},
}

# Timestamps that the original stored, and the values after the upgrade.
POISON = {
    "10000-01-01 00:59:59": "9999-12-31T23:59:59.999999Z",
    "infinity": "9999-12-31T23:59:59.999999Z",
    "9999-12-31 23:59:59.999999": "9999-12-31T23:59:59.999999Z",
    "0001-01-01 00:00:00": "0001-01-01T00:00:00Z",
    "0001-12-31 23:00:00 BC": "0001-01-01T00:00:00Z",
    "-infinity": "0001-01-01T00:00:00Z",
}

# The counts of the original's last version (all, production, test) by feedstock.
DATASETS = {1: (49, 0, 49), 3: (3, 1, 2), 7: (38, 11, 27), 40: (16, 11, 5), 42: (1, 1, 0), 88: (6, 6, 0), 2: (0, 0, 0)}


def create_original_schema(app, revision):
    """Create the tables of the original at `revision` in an empty database."""
    if app.config["SQLALCHEMY_DATABASE_URI"].get_backend_name() == "sqlite":
        upgrade(app, revision)
        return
    for step in ORIGINAL[: ORIGINAL.index(revision) + 1]:
        sql(app, DDL[step])
    sql(app, f"INSERT INTO alembic_version VALUES ('{revision}')")


def insert(app, table, **values):
    """Insert like the original's ORM: the statement names every column that the ORM knows."""
    places = ", ".join(f":{name}" for name in values)
    with app.app_context(), db.engine.begin() as connection:
        connection.execute(text(f"INSERT INTO {table} ({', '.join(values)}) VALUES ({places})"), values)


def fill(app, revision):
    """Insert one row into each table that the original has at `revision`, except the keys."""
    if revision in WITH_PARENTS:
        insert(app, "bakery", **BAKERY)
        insert(app, "feedstock", **FEEDSTOCK)
    insert(app, "reciperun", **RUN, **(DATASET if revision in WITH_DATASETS else {}))


def insert_key(app, key, is_active=True, is_admin=False):
    digest = key_digest(SALT, key)
    insert(app, "apikey", is_active=is_active, is_admin=is_admin, created_at="2022-07-01", encrypted_key=digest)


def as_key(app, key):
    client = app.test_client()
    client.environ_base["HTTP_X_API_KEY"] = key
    return client


def structure(app):
    """The columns, constraints, indexes, functions and triggers in the catalogs of PostgreSQL, one row each."""
    catalogues = (
        "SELECT table_name, column_name, data_type, is_nullable, column_default FROM information_schema.columns "
        "WHERE table_schema = 'public'",
        "SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid) FROM pg_constraint "
        "WHERE connamespace = 'public'::regnamespace",
        "SELECT tablename, indexdef FROM pg_indexes WHERE schemaname = 'public'",
        "SELECT proname, prosrc FROM pg_proc WHERE pronamespace = 'public'::regnamespace",
        "SELECT tgrelid::regclass::text, pg_get_triggerdef(oid) FROM pg_trigger WHERE NOT tgisinternal",
    )
    return {row for catalogue in catalogues for row in sql(app, catalogue)}


def only_keys_added(before, after):
    """Whether two structures differ at most in our table of keys. The original ignores additional tables."""
    return before <= after and {table for table, *_ in after - before} <= {"apikey"}


def with_times(run):
    """The run with its times as datetimes, because PostgreSQL's JSON has no zone and no trailing zeros."""
    return run | {at: run[at] and datetime.fromisoformat(run[at].rstrip("Z")) for at in ("started_at", "completed_at")}


@pytest.fixture
def app(empty_url):
    """An application on a separate, empty database."""
    with application(empty_url) as app:
        yield app


@pytest.fixture
def restored_app(postgres_url):
    """An application on the original's production database before the upgrade."""
    restore(postgres_url)
    with application(postgres_url) as app:
        yield app


@pytest.fixture(scope="module")
def production(postgres_server):
    """A client of the original's production database after our upgrade, for tests that only read."""
    with postgres.database(postgres_server) as url:
        restore(url)
        with application(url) as app:
            upgrade(app)
            yield app.test_client()


@pytest.mark.parametrize("revision", ORIGINAL)
def test_upgrade_adopts_every_revision_with_its_rows(app, client, revision):
    create_original_schema(app, revision)
    fill(app, revision)
    upgrade(app)
    check(app)
    parents = {"bakery": BAKERY, "feedstock": FEEDSTOCK} if revision in WITH_PARENTS else PLACEHOLDERS
    added = DATASET if revision in WITH_DATASETS else NO_DATASET
    expected = RUN | added | {"id": 1, "started_at": "2022-03-03T02:29:54Z"}
    expected |= {name: parent | {"id": 1, "retired_at": None} for name, parent in parents.items()} | OURS
    expected["bakery"]["log_url"] = None
    assert client.get("/recipe_runs/1").json == expected


def test_new_ids_follow_those_of_placeholders(app, admin):
    create_original_schema(app, "81c7d27bde71")
    insert(app, "reciperun", **RUN | {"bakery_id": 3, "feedstock_id": 7})
    upgrade(app)
    assert admin.post("/bakeries/", json=BAKERY).json["id"] == 4
    assert admin.post("/feedstocks/", json=FEEDSTOCK).json["id"] == 8


@pytest.mark.parametrize("revision", WITH_KEYS)
def test_keys_of_the_original_keep_working(app, revision):
    create_original_schema(app, revision)
    insert_key(app, "ordinary")
    insert_key(app, "boss", is_admin=True)
    upgrade(app)
    assert as_key(app, "ordinary").post("/bakeries/", json=BAKERY).status_code == 201
    assert as_key(app, "ordinary").post("/api-keys", json={}).status_code == 403
    assert as_key(app, "boss").post("/api-keys", json={}).status_code == 201


def test_keys_that_the_original_refused_are_still_refused(app):
    create_original_schema(app, "70bcddc9fffa")
    insert_key(app, "revoked", is_active=False)
    insert_key(app, "never active", is_active=None)
    upgrade(app)
    answers = [as_key(app, key).post("/bakeries/", json=BAKERY) for key in ("revoked", "never active")]
    assert [answer.status_code for answer in answers] == [401, 401]


def test_upgrade_queues_runs_without_a_status(app, client):
    create_original_schema(app, "70bcddc9fffa")
    fill(app, "70bcddc9fffa")
    insert(app, "reciperun", **RUN | DATASET | {"status": None})
    upgrade(app)
    assert [run["status"] for run in client.get("/recipe_runs/").json] == ["in_progress", "queued"]


@on_postgresql
@pytest.mark.parametrize("column", ["started_at", "completed_at"])
def test_upgrade_makes_timestamps_readable(app, column):
    create_original_schema(app, "0499cef6b57a")
    insert(app, "bakery", **BAKERY)
    insert(app, "feedstock", **FEEDSTOCK)
    for poison in POISON:
        insert(app, "reciperun", **RUN | DATASET | {column: poison})
    upgrade(app)
    assert [run[column] for run in app.test_client().get("/recipe_runs/").json] == list(POISON.values())


@on_postgresql
@pytest.mark.parametrize("revision", ORIGINAL)
def test_chain_builds_at_each_revision_what_the_original_built(app, revision):
    create_original_schema(app, revision)
    expected = structure(app)
    sql(app, "DROP SCHEMA public CASCADE; CREATE SCHEMA public")
    upgrade(app, revision)
    assert only_keys_added(expected, structure(app))


@on_postgresql
@pytest.mark.parametrize("revision", ORIGINAL)
def test_downgrade_restores_the_structure_of_the_original(app, revision):
    create_original_schema(app, revision)
    fill(app, revision)
    before = structure(app)
    upgrade(app)
    downgrade(app, revision)
    assert only_keys_added(before, structure(app))


def test_downgrade_keeps_keys_created_since_the_upgrade(app, admin):
    create_original_schema(app, "0499cef6b57a")
    upgrade(app)
    key = admin.post("/api-keys", json={}).json["key"]
    downgrade(app, "0499cef6b57a")
    upgrade(app)
    assert as_key(app, key).post("/bakeries/", json=BAKERY).status_code == 201


def test_a_key_that_the_original_inserts_after_the_upgrade_gets_a_number_and_writes(app, admin):
    create_original_schema(app, "70bcddc9fffa")
    insert_key(app, "before")
    upgrade(app)
    insert_key(app, "meanwhile", is_admin=True)
    keys = admin.get("/api-keys").json
    assert [(key["id"], key["scopes"]) for key in keys] == [(1, ["write"]), (2, ["admin"])]
    assert as_key(app, "meanwhile").get("/api-keys/me").json["id"] == 2
    assert admin.post("/api-keys", json={}).json["id"] == 3


def test_downgrade_revokes_keys_that_would_gain_rights(app, admin):
    create_original_schema(app, "0499cef6b57a")
    upgrade(app)
    bakery = admin.post("/bakeries/", json=BAKERY).json["id"]
    for body in ({}, {"scopes": [f"bakery:{bakery}"]}, {"expires_at": "2999-01-01T00:00:00Z"}, {}):
        last = admin.post("/api-keys", json=body).json["id"]
    admin.post(f"/api-keys/{last}/rotate", json={"grace_hours": 0})
    downgrade(app, "0499cef6b57a")
    assert [bool(active) for (active,) in sql(app, "SELECT is_active FROM apikey ORDER BY created_at")] == [
        *(True, False, True, False),
        True,
    ]


@needs_dump
@pytest.mark.parametrize(
    ("path", "count"),
    [
        ("/stats/recipe_runs", 1416),
        ("/stats/feedstocks", 29),
        ("/stats/bakeries", 1),
        ("/stats/datasets", 143),
        ("/stats/datasets?exclude_test_runs=true", 42),
    ],
)
def test_production_has_the_counts_of_the_original(production, path, count):
    assert production.get(path).json == {"count": count}


@needs_dump
@pytest.mark.parametrize(("path", "count"), [("/feedstocks/7", 735), ("/feedstocks/1", 360), ("/bakeries/1", 1416)])
def test_production_nests_as_many_runs_as_the_original(production, path, count):
    assert len(production.get(path).json["recipe_runs"]) == count


@needs_dump
@pytest.mark.parametrize(("feedstock", "counts"), DATASETS.items())
def test_production_lists_as_many_datasets_as_the_original(production, feedstock, counts):
    kinds = ("all", "production", "test")
    found = [production.get(f"/feedstocks/{feedstock}/datasets?type={kind}").json for kind in kinds]
    assert tuple(map(len, found)) == counts


@needs_dump
def test_production_shows_every_run_as_it_was(restored_app):
    before = [run for (run,) in sql(restored_app, "SELECT row_to_json(reciperun) FROM reciperun ORDER BY id")]
    upgrade(restored_app)
    client = restored_app.test_client()
    shown = [run for offset in (0, 1000) for run in client.get(f"/recipe_runs/?limit=1000&offset={offset}").json]
    impossible = {run["id"] for run in shown if run["completed_at"] and run["completed_at"] < run["started_at"]}
    marks = ({"time_problem": "ends_before_start" if run["id"] in impossible else None} for run in before)
    assert list(map(with_times, shown)) == [
        with_times(run) | OURS | mark for run, mark in zip(before, marks, strict=True)
    ]
    assert impossible


@needs_dump
def test_the_reaper_finds_each_stuck_run_of_production(production):
    output = production.application.test_cli_runner().invoke(args=["runs", "reap", "--dry-run"]).output
    counts = {outcome: int(count) for outcome, count in re.findall(r"^(\S.*?) +(\d+)$", output, re.MULTILINE)}
    ended = {"queued -> stale": 959, "in_progress -> timed_out": 50, "in_progress -> failure": 3}
    assert counts == ended | {"total": 1012}


@needs_dump
def test_three_failures_of_production_have_a_traceback_and_are_explained(restored_app):
    upgrade(restored_app)
    output = restored_app.test_cli_runner().invoke(args=["runs", "explain"]).output
    found = {name: int(count) for name, count in re.findall(r"^(\S+) +(\d+)$", output, re.MULTILINE)}
    counts = {"unknown": 263, "dependency_not_installed": 2, "version_mismatch": 1}
    assert found == counts | {"total": 266}
    table = (
        (ROOT / "docs/using/failures.md").read_text().partition("## Failures of the original")[2].partition("\n## ")[0]
    )
    documented = Counter()
    for name, count in re.findall(r"^\| `(\w+)` \| (\d+) \|", table, re.MULTILINE):
        documented[name] += int(count)
    assert documented == counts


@needs_dump
def test_production_has_thirty_datasets_of_forty_two_successful_runs(production):
    datasets = production.get("/datasets/?limit=1000").json
    assert (len(datasets), sum(dataset["build_count"] for dataset in datasets)) == (30, 42)
    assert production.get("/stats/datasets?exclude_test_runs=true").json == {"count": 42}
    assert {dataset["feedstock_id"]: dataset["run_id"] for dataset in datasets if dataset["build_count"] == 3} == {
        40: 717
    }
    assert [dataset["run_id"] for dataset in datasets] == sorted((d["run_id"] for d in datasets), reverse=True)
    for dataset in datasets:
        builds = production.get(f"/datasets/{dataset['id']}").json["builds"]
        assert [build["id"] for build in (builds[-1], builds[0])] == [dataset["id"], dataset["run_id"]]


@needs_dump
def test_production_matches_the_models_after_the_upgrade(production):
    check(production.application)


@needs_dump
def test_production_shows_what_the_originals_orm_inserts(restored_app):
    upgrade(restored_app)
    insert(restored_app, "reciperun", **RUN | DATASET | {"feedstock_id": 42})
    run = restored_app.test_client().get("/feedstocks/42").json["recipe_runs"][-1]
    ours = {"created_at": run["created_at"], "updated_at": run["created_at"], "rerun_of": None}
    ours |= dict.fromkeys(("snapshot_id", "external_id", "external_url", "failure", "time_problem"))
    assert run == RUN | DATASET | ours | {"feedstock_id": 42, "started_at": "2022-03-03T02:29:54Z", "id": run["id"]}
    assert now() - datetime.fromisoformat(run["created_at"]) < timedelta(minutes=1)


@needs_dump
def test_a_downgrade_restores_production_and_accepts_the_originals_inserts(restored_app):
    before, rows = structure(restored_app), contents(restored_app)
    upgrade(restored_app)
    downgrade(restored_app, "0499cef6b57a")
    assert only_keys_added(before, structure(restored_app))
    assert contents(restored_app) == rows | {"apikey": []}
    insert(restored_app, "reciperun", **RUN | DATASET)
    assert sql(restored_app, "SELECT count(*) FROM reciperun") == [(1417,)]
