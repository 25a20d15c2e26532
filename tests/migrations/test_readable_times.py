"""Python cannot read some times of PostgreSQL. Triggers replace them by the nearest readable time."""

import pytest

from app.extensions import db
from tests.support.databases import COUNTS, application, contents, downgrade, fill, on_sqlite, sql, upgrade

FIRST, LAST = "0001-01-01T00:00:00Z", "9999-12-31T23:59:59.999999Z"
OUTSIDE = {
    "10000-01-01 00:00:00": LAST,
    "294276-12-31 23:59:59.999999": LAST,
    "infinity": LAST,
    "0044-03-15 00:00:00 BC": FIRST,
    "-infinity": FIRST,
}
ISO_8601 = {"+10000-01-01T00:00:00": LAST, "-0043-03-15T00:00:00": FIRST, "0000-12-31T23:59:59": FIRST}
INSIDE = {
    "0001-01-01 00:00:00": FIRST,
    "9999-12-31 23:59:59.999999": LAST,
    "2022-03-03 02:29:54.055180": "2022-03-03T02:29:54.055180Z",
}
TIMES = OUTSIDE | INSIDE
COLUMNS = ("started_at", "completed_at")
INSERT = (
    "INSERT INTO reciperun (recipe_id, bakery_id, feedstock_id, head_sha, version, started_at, completed_at, status, "
    "conclusion, is_test, dataset_type, dataset_public_url) "
    "SELECT 'r', id, id, '', '', '{started_at}', '{completed_at}', 'completed', 'success', false, 'zarr', "
    "'https://example.org/a.zarr' FROM bakery"
)
NORMAL = "2022-03-03 02:29:54.055180"
PATHS = (
    *("/recipe_runs/", "/recipe_runs/{0}", "/recipe_runs/{0}/events", "/recipe_runs/?order_by=started_at&count=true"),
    *("/bakeries/1", "/bakeries/1/recipe_runs", "/feedstocks/1", "/feedstocks/1/recipe_runs", "/feedstocks/1/datasets"),
    *("/datasets/", "/datasets/{0}", "/stac", "/stac/collections", "/stac/collections/{0}", "/catalog.yaml"),
    *("/feedstocks/1/feed.atom", "/feedstocks/1/badge.svg", "/stats/overview", "/stats/recipe_runs", "/stats/datasets"),
)
CATALOGUES = {
    "sqlite": ["SELECT name FROM sqlite_master"],
    "postgresql": ["SELECT tgname FROM pg_trigger", "SELECT proname FROM pg_proc"],
}


@pytest.fixture
def app(migrated_url):
    """An application on a separate database with a bakery, a feedstock and a run."""
    with application(migrated_url) as app:
        fill(app)
        yield app


def insert(app, *times):
    """Insert a run for each time. The run starts and ends at it."""
    for time in times:
        sql(app, INSERT.format(started_at=time, completed_at=time))


def times(app):
    """Both times of all runs except the first, as the API shows them."""
    runs = app.test_client().get("/recipe_runs/?order_by=id").json
    return [tuple(run[column] for column in COLUMNS) for run in runs[1:]]


def both(times):
    return [(time, time) for time in times]


def triggers_and_functions(app):
    """The names of the triggers and functions that the migration created."""
    with app.app_context():
        catalogues = CATALOGUES[db.engine.name]
    return [name for query in catalogues for (name,) in sql(app, query) if "readable_times" in name]


def test_an_insert_stores_the_nearest_readable_time(app):
    insert(app, *TIMES)
    assert times(app) == both(TIMES.values())


@pytest.mark.parametrize("column", COLUMNS)
def test_an_update_stores_the_nearest_readable_time_and_keeps_the_other(app, column):
    insert(app, NORMAL)
    for stored, shown in TIMES.items():
        sql(app, f"UPDATE reciperun SET {column} = '{stored}' WHERE id = 2")
        expected = dict.fromkeys(COLUMNS, TIMES[NORMAL]) | {column: shown}
        assert times(app) == [tuple(expected.values())], stored


@on_sqlite
def test_sqlite_accepts_times_in_iso_8601(app):
    insert(app, *ISO_8601)
    assert times(app) == both(ISO_8601.values())


@on_sqlite
def test_sqlite_keeps_readable_times_unchanged(app):
    readable = ["9999-12-31T23:59:59", "20220303T022954", "2022-03-03 02:29:54+01:00", "2022-03-03"]
    insert(app, *readable)
    assert sql(app, "SELECT started_at, completed_at FROM reciperun WHERE id > 1 ORDER BY id") == both(readable)


def test_an_unfinished_run_stays_without_a_completion_time(app):
    for stored in OUTSIDE:
        sql(app, f"UPDATE reciperun SET started_at = '{stored}'")
        assert app.test_client().get("/recipe_runs/1").json["completed_at"] is None


@pytest.mark.parametrize("started_at", OUTSIDE)
def test_every_route_that_reads_still_answers(app, client, started_at):
    for completed_at in OUTSIDE:
        sql(app, INSERT.format(started_at=started_at, completed_at=completed_at))
    assert {path: client.get(path.format(2)).status_code for path in PATHS} == dict.fromkeys(PATHS, 200)


def test_a_run_with_corrected_times_can_be_updated_and_deleted(app, admin):
    insert(app, *OUTSIDE)
    right = dict.fromkeys(COLUMNS, "2022-03-03T02:29:54Z")
    runs = [f"/recipe_runs/{number}" for number in range(2, 2 + len(OUTSIDE))]
    assert {admin.patch(run, json=right).status_code for run in runs} == {200}
    assert times(app) == both(["2022-03-03T02:29:54Z"] * len(runs))
    assert {admin.delete(run).status_code for run in runs} == {200}


def test_counts_stay_exact(app):
    insert(app, *OUTSIDE)
    sql(app, "UPDATE reciperun SET started_at = '10000-01-01 00:00:00', status = 'in_progress' WHERE id IN (2, 3)")
    slices = [(of, int(runs)) for of, status, *_, runs in sql(app, COUNTS) if status == "in_progress"]
    assert sorted(slices) == [("all", 2), ("bakery 1", 2), ("feedstock 1", 2)]
    recount = app.test_cli_runner().invoke(args=["runs", "recount"])
    assert recount.output == "The counts agree with the runs.\n"


def test_the_upgrade_fixes_times_stored_since_the_first(app):
    downgrade(app, "0016_datasets")
    insert(app, *TIMES)
    upgrade(app)
    assert times(app) == both(TIMES.values())


def test_the_upgrade_changes_no_other_run(app):
    downgrade(app, "0016_datasets")
    insert(app, *INSIDE)
    before = contents(app)["reciperun"]
    upgrade(app)
    assert [row[: len(before[0])] for row in contents(app)["reciperun"]] == before


def test_downgrade_removes_every_trigger_and_function(app):
    assert len(triggers_and_functions(app)) == 2
    downgrade(app, "0016_datasets")
    assert triggers_and_functions(app) == []
