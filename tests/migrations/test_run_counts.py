"""Triggers keep the counts and sums of runs exact for any statement and any number of concurrent writers."""

from datetime import UTC, datetime, timedelta
from functools import partial
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, insert, update

from app.extensions import db
from app.models import RecipeRun
from tests.support import postgres, sums
from tests.support.databases import (
    COUNTS,
    RUN,
    application,
    downgrade,
    fill,
    on_postgresql,
    on_sqlite,
    sql,
    upgrade,
)
from tests.support.factories import STARTED_AT, make_bakery, make_feedstock
from tests.support.threads import at_once

COLUMNS = {
    "feedstock_id": st.integers(0, 1),
    "bakery_id": st.integers(0, 1),
    "status": st.sampled_from(["queued", "completed"]),
    "conclusion": st.sampled_from(["success", "failure", None]),
    "is_test": st.booleans(),
    "dataset_public_url": st.sampled_from(["https://example.org/a.zarr", None]),
    "failure_class": st.sampled_from(["unknown", "lost", None]),
    "version": st.sampled_from(["1", "2"]),
    "started_at": st.sampled_from([STARTED_AT, STARTED_AT - timedelta(days=4), datetime(1999, 12, 31, tzinfo=UTC)]),
    "completed_at": st.sampled_from([None, *(STARTED_AT + timedelta(seconds=n) for n in (-0.5, 127.9, 128, 9999))]),
}
CHANGE = st.one_of(
    st.tuples(st.just("insert"), st.lists(st.fixed_dictionaries(COLUMNS), min_size=1, max_size=3)),
    st.tuples(st.just("update"), st.integers(0, 3), st.fixed_dictionaries({}, optional=COLUMNS)),
    st.tuples(st.just("delete"), st.integers(0, 3)),
)
SLICES = ("'all'", "'feedstock ' || feedstock_id", "'bakery ' || bakery_id")
EXPECTED = (
    "SELECT {}, status, conclusion, is_test, dataset_public_url IS NOT NULL, count(*) FROM reciperun GROUP BY 1,2,3,4,5"
)
MISCOUNTED = "SELECT (SELECT coalesce(sum(runs), 0) FROM reciperun_count WHERE slice = 'all') - count(*) FROM reciperun"
COMPACT = (
    "SELECT reciperun_count_compact(array_agg(DISTINCT slice)) FROM reciperun_count; "
    "SELECT reciperun_sums_compact_periods(array_agg(id)) FROM reciperun_count_period; "
    "SELECT reciperun_sums_compact_durations(array_agg(id)) FROM reciperun_count_duration; "
    "SELECT reciperun_failures_compact(array_agg(id)) FROM reciperun_count_failure"
)
ROWS = "SELECT count(*) FROM reciperun_count WHERE slice = 'all'"

SUM_TABLES = ("reciperun_count_period", "reciperun_count_duration", "reciperun_count_failure")

# The statements of a writer, each for the runs of this writer only. Those before migration 0028 know no failures.
OLD_CHANGES = (
    RUN.replace("35d889f", "{own}"),
    "INSERT INTO reciperun (recipe_id, bakery_id, feedstock_id, head_sha, version, started_at, conclusion) "
    "SELECT recipe_id, bakery_id, feedstock_id, '{own}', version, started_at, 'success' FROM reciperun LIMIT 9",
    "UPDATE reciperun SET status = CASE status WHEN 'queued' THEN 'completed' ELSE 'queued' END, is_test = NOT is_test,"
    " conclusion = 'failure', completed_at = '2022-03-04 01:02:03.456789' WHERE head_sha = '{own}'",
    "DELETE FROM reciperun WHERE head_sha = '{own}' AND id / 2 * 2 = id",
)
CHANGES = (
    *OLD_CHANGES,
    "INSERT INTO reciperun (recipe_id, bakery_id, feedstock_id, head_sha, version, started_at, failure_class) "
    "SELECT recipe_id, bakery_id, feedstock_id, '{own}', version, started_at, 'lost' FROM reciperun LIMIT 3",
    "UPDATE reciperun SET failure_class = CASE WHEN failure_class IS NULL THEN 'unknown' END WHERE head_sha = '{own}'",
)
WRITERS = 8
ROUNDS = 20


def counted():
    """The counts that are not zero."""
    return {tuple(row) for row in db.session.connection().exec_driver_sql(COUNTS)}


def expected():
    """The expected counts, computed from the runs."""
    return {tuple(row) for of in SLICES for row in db.session.connection().exec_driver_sql(EXPECTED.format(of))}


def exact(app):
    with app.app_context():
        return counted() == expected() and sums.exact()


@pytest.fixture
def empty_app(empty_url, long_timeouts):
    """An application on a separate, empty database."""
    with application(empty_url, long_timeouts(empty_url), WEB_CONNECTIONS=str(WRITERS + 2)) as app:
        yield app


@pytest.fixture
def own_app(migrated_url, long_timeouts):
    """An application on a separate database with a run."""
    with application(migrated_url, long_timeouts(migrated_url), WEB_CONNECTIONS=str(WRITERS + 2)) as app:
        fill(app)
        yield app


@pytest.fixture
def parents(app):
    """The ids of two feedstocks and of two bakeries."""
    return {"feedstock_id": [make_feedstock(app).id for _ in "12"], "bakery_id": [make_bakery(app).id for _ in "12"]}


def perform(parents, action, *details):
    """Execute a change in one statement. Updates and deletions affect the runs with the given remainder of the id."""

    def values(row):
        return {name: parents[name][value] if name in parents else value for name, value in row.items()}

    if action == "insert":
        fixed = {"recipe_id": "r", "head_sha": ""}
        db.session.execute(insert(RecipeRun).values([fixed | values(row) for row in details[0]]))
    elif action == "delete":
        db.session.execute(delete(RecipeRun).where(RecipeRun.id % 4 == details[0]))
    elif details[1]:
        db.session.execute(update(RecipeRun).where(RecipeRun.id % 4 == details[0]).values(values(details[1])))


@given(transactions=st.lists(st.tuples(st.lists(CHANGE, max_size=4), st.booleans()), max_size=6))
@settings(
    max_examples=25,
    derandomize=True,
    database=None,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
def test_the_counts_stay_exact_after_any_statement(app, parents, transactions):
    with app.app_context():
        for changes, kept in transactions:
            for change in changes:
                perform(parents, *change)
            assert (counted(), sums.kept()) == (expected(), sums.computed())
            db.session.commit() if kept else db.session.rollback()
            assert (counted(), sums.kept()) == (expected(), sums.computed())


def test_a_run_inserted_by_an_upsert_is_counted_once(own_app):
    again = RUN.replace("(recipe_id", "(id, recipe_id").replace("('gpcp'", "(1, 'gpcp'")
    sql(own_app, f"{again} ON CONFLICT (id) DO UPDATE SET status = 'completed'")
    assert sql(own_app, "SELECT status FROM reciperun") == [("completed",)]
    assert exact(own_app)


def write(app, changes, own):
    """Change the runs of one writer. Some transactions are rolled back, and some use the isolation REPEATABLE READ."""
    chance = Random(own)
    for _ in range(ROUNDS):
        with app.app_context(), db.engine.connect() as connection:
            if own % 2 and connection.dialect.name == "postgresql":
                connection.exec_driver_sql("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
            for change in chance.choices(changes, k=3):
                connection.exec_driver_sql(change.format(own=own))
            connection.commit() if chance.random() < 0.7 else connection.rollback()


def watch(app):
    """The differences between the count and the number of all runs, at many moments."""
    with app.app_context(), db.engine.connect().execution_options(read_only=True) as connection:
        wrong = set()
        for _ in range(ROUNDS * 4):
            wrong.add(connection.exec_driver_sql(MISCOUNTED).scalar())
            connection.rollback()
        return wrong


def compact(app):
    if app.config["SQLALCHEMY_DATABASE_URI"].get_backend_name() == "postgresql":
        for _ in range(ROUNDS * 2):
            sql(app, COMPACT)


def test_the_counts_are_always_exact_while_many_write_and_roll_back(own_app):
    writers = [partial(write, own_app, CHANGES, number) for number in range(WRITERS)]
    wrong, *_ = at_once(partial(watch, own_app), partial(compact, own_app), *writers)
    assert wrong == {0}
    assert exact(own_app)


@on_postgresql
def test_compaction_leaves_one_row_of_each_kind_with_the_same_sum(own_app):
    for change in (*CHANGES[:3], *CHANGES[4:]) * 5:
        sql(own_app, change.format(own=1))
    sql(own_app, COMPACT)
    assert exact(own_app)
    assert sql(own_app, "SELECT count(*) FROM reciperun_count") == [(len(sql(own_app, COUNTS)),)]
    rows = [sql(own_app, f"SELECT count(*) FROM {table}")[0][0] for table in SUM_TABLES]
    with own_app.app_context():
        assert sum(rows) == len(sums.kept())


@on_postgresql
def test_compaction_includes_the_periods_before(own_app):
    for days in (0, 70, 70, 140, 140):
        start = f"timestamp '2022-03-03' - interval '{days} days'"
        sql(own_app, RUN.replace("'2022-03-03 02:29:54.055180'", start))
    newest = "FROM reciperun_count_period WHERE days = 7 AND period = 105459"
    sql(own_app, f"SELECT reciperun_sums_compact_periods(array_agg(id)) {newest}")
    rows = "SELECT period, count(*) FROM reciperun_count_period WHERE days = 7 GROUP BY 1 ORDER BY 1"
    assert sql(own_app, rows) == [(105439, 8), (105449, 4), (105459, 4)]


@on_postgresql
def test_compaction_is_fast_while_the_planner_takes_the_tables_for_empty(migrated_url):
    """With its statistics of empty tables, subqueries that are read again for each row take longer than is allowed."""
    failed = RUN.replace("is_test)", "is_test, failure_class)").replace("false)", "false, 'lost')")
    with application(migrated_url) as app:
        fill(app)
        sql(app, failed)
        for table in ("reciperun_count", *SUM_TABLES):
            sql(app, f"DELETE FROM {table}; ANALYZE {table}")
        sql(app, "; ".join([failed] * 200))
        sql(app, COMPACT)
        for table in SUM_TABLES:
            assert sql(app, f"SELECT count(*) FROM {table}") < [(20,)]


@on_postgresql
def test_compaction_skips_rows_that_another_transaction_compacts(own_app):
    sql(own_app, RUN)
    with own_app.app_context(), db.engine.connect() as other:
        other.exec_driver_sql(COMPACT)
        sql(own_app, RUN)
        sql(own_app, COMPACT)
        assert exact(own_app)
        other.commit()
    assert exact(own_app)


def insert_many(connection):
    """Insert so many runs that a trigger compacts the counts. The random seed is the same every time."""
    connection.exec_driver_sql("SELECT setseed(0.5)")
    for _ in range(500):
        connection.exec_driver_sql(RUN)


@on_postgresql
def test_some_inserts_compact_the_counts(own_app):
    with own_app.app_context(), db.engine.begin() as connection:
        insert_many(connection)
    assert sql(own_app, ROWS) < [(400,)]
    assert exact(own_app)


@on_postgresql
def test_repeatable_read_writers_never_fail_because_others_compact(own_app):
    with own_app.app_context(), db.engine.begin() as connection:
        connection.exec_driver_sql("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        connection.exec_driver_sql(ROWS)
        sql(own_app, RUN)
        sql(own_app, COMPACT)
        insert_many(connection)
    assert exact(own_app)


@on_postgresql
def test_truncate_empties_the_counts(own_app):
    sql(own_app, "TRUNCATE reciperun CASCADE")
    for table in ("reciperun_count", *SUM_TABLES):
        assert sql(own_app, f"SELECT count(*) FROM {table}") == [(0,)]
    sql(own_app, RUN)
    assert exact(own_app)


@on_postgresql
def test_a_role_that_may_write_runs_needs_no_rights_on_the_counts(own_app, migrated_url):
    role = migrated_url.database.replace("pangeo_forge", "original")
    postgres.execute(migrated_url, f"CREATE ROLE {role}")
    grant = f"GRANT SELECT, INSERT, DELETE ON reciperun TO {role}; GRANT USAGE ON reciperun_id_seq TO {role}"
    sql(own_app, f"{grant}; SET LOCAL ROLE {role}; {RUN}; DELETE FROM reciperun WHERE id = 1")
    assert exact(own_app)
    sql(own_app, f"DROP OWNED BY {role}; DROP ROLE {role}")


@pytest.mark.parametrize(("before", "changes"), [("0012_list_indexes", OLD_CHANGES), ("0030_covering_index", CHANGES)])
def test_the_upgrade_counts_existing_runs_and_concurrent_changes(empty_app, before, changes):
    upgrade(empty_app, before)
    fill(empty_app)
    for change in changes:
        sql(empty_app, change.format(own=0))
    writers = [partial(write, empty_app, changes, number) for number in range(WRITERS // 2)]
    at_once(partial(upgrade, empty_app), *writers)
    assert exact(empty_app)


def test_the_counts_are_exact_after_all_migrations_down_and_up_again(own_app):
    downgrade(own_app, "base")
    upgrade(own_app)
    fill(own_app)
    for change in CHANGES:
        sql(own_app, change.format(own=1))
    assert exact(own_app)


@on_sqlite
def test_downgrade_removes_every_trigger(own_app):
    downgrade(own_app, "0012_list_indexes")
    assert sql(own_app, "SELECT name FROM sqlite_master WHERE type = 'trigger'") == []
