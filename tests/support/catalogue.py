"""Large catalogues for measurements: the original's production database, or a given number of runs.

`DATABASE_URL=… python -m tests.support.catalogue 1000000` fills an empty, migrated database. The same number gives the
same runs.
"""

import os
import sqlite3
import subprocess
import sys
from contextlib import closing, contextmanager
from datetime import UTC, datetime

from sqlalchemy.engine import URL, make_url

from tests.support import postgres
from tests.support.apps import environment
from tests.support.live import flask

DUMP = os.environ.get("PANGEO_FORGE_DUMP")

FIRST = datetime(2020, 1, 1, tzinfo=UTC)
# Few feedstocks have most of the runs, most runs succeed, ids and times go together, half of the runs are older than
# created_at.
FILL = """
SELECT setseed(0.5);
INSERT INTO bakery (region, name, description) SELECT 'here', 'bakery-' || i, '' FROM generate_series(1, 20) i;
INSERT INTO feedstock (spec) SELECT 'pangeo-forge/example-' || i || '-feedstock' FROM generate_series(1, 500) i;
INSERT INTO reciperun (bakery_id, feedstock_id, recipe_id, head_sha, version, started_at, completed_at, conclusion,
    status, is_test, dataset_type, dataset_public_url, message, created_at, updated_at, rerun_of, failure_class,
    failure)
SELECT 1 + floor(20 * b ^ 2), f, 'example-' || f || '-' || floor(3 * c), md5(i::text), '1.' || i % 7, t,
    CASE WHEN done THEN t + c * interval '3 hours' END,
    CASE WHEN done THEN CASE WHEN c < 0.75 THEN 'success' WHEN c < 0.98 THEN 'failure' WHEN c < 0.999 THEN 'cancelled'
        ELSE 'timed_out' END END,
    CASE WHEN done THEN 'completed' WHEN b < 0.3 THEN 'in_progress' ELSE 'queued' END,
    c > 0.6 AND c < 0.8, CASE WHEN b < 0.9 THEN 'zarr' WHEN b < 0.901 THEN 'parquet' END,
    CASE WHEN done AND c < 0.75 THEN 'https://ncsa.osn.xsede.org/Pangeo/example-' || f || '/' || i || '.zarr' END,
    CASE WHEN b < 0.5 THEN '{{"job_name": "' || md5(t::text) || '"}}' END,
    CASE WHEN i > {count} / 2 THEN t END, CASE WHEN i > {count} / 2 THEN t + c * interval '1 day' END,
    CASE WHEN c < 0.02 AND i > 1 THEN i - 1 END,
    failed, CASE WHEN failed IS NOT NULL THEN json_build_object('class', failed, 'cause', 'The reason of ' || i || '.',
        'next_step', repeat('Do this. ', 8), 'who', 'contributor', 'rule', 'rule-' || failed,
        'evidence', 'Error: ' || md5(i::text), 'line', NULL) END
FROM (
    SELECT *, CASE WHEN done AND c >= 0.75 AND (c < 0.98 OR c >= 0.999) THEN
        (array['unknown', 'source_not_found', 'out_of_memory', 'version_mismatch', 'timed_out'])[1 + floor(5 * b ^ 2)]
    END AS failed FROM (
    SELECT i, b, c, 1 + floor(500 * a ^ 3)::int AS f, d > 0.03 OR i < {count} * 0.9 AS done,
        timestamp '{first:%Y-%m-%d}' + (i + 100 * d) * interval '{minutes} minutes' AS t
    FROM (SELECT i, random() a, random() b, random() c, random() d FROM generate_series(1, {count}) i) AS chance
) AS state) AS run
"""
# Production has 1,416 runs. The seventh of its feedstocks has half of them. Few have a message or a dataset.
PRODUCTION = 1416
LIKE_PRODUCTION = """
UPDATE reciperun SET bakery_id = 1, feedstock_id = CASE WHEN id <= 735 THEN 7 ELSE 8 + id % 22 END, rerun_of = NULL,
    recipe_id = rpad(recipe_id, 45, '-recipe'), message = CASE WHEN id % 4 = 0 THEN repeat(md5(message), 4) END,
    dataset_public_url = CASE WHEN id % 10 = 0 THEN rpad(dataset_public_url, 129, '/zarr') END;
DELETE FROM feedstock WHERE id > 29;
DELETE FROM bakery WHERE id > 1;
"""


@contextmanager
def runs(server, count, minutes=1):
    """The URL of a database with `count` runs, of which one starts every few `minutes`."""
    with postgres.database(server) as url:
        migrate(url)
        fill(url, count, minutes)
        yield url


@contextmanager
def production(server):
    """The URL of a database with production's data or, without its dump, with generated data in its proportions."""
    with postgres.database(server) as url:
        if DUMP:
            restore(url)
        migrate(url)
        if not DUMP:
            fill(url, PRODUCTION)
            postgres.execute(url, LIKE_PRODUCTION)
        postgres.execute(url, "VACUUM FULL")
        postgres.vacuum(url)
        yield url


def copy_to_sqlite(url, path):
    """Copy the bakeries, feedstocks and runs at `url` to a new SQLite database, and return its URL.

    The rows are inserted before the migrations that create triggers, which then count them at once. So are the reasons
    of failures, whose columns are newer than the other triggers.
    """
    copy = URL.create("sqlite", database=str(path))
    migrate(copy, "0012_list_indexes")
    with closing(sqlite3.connect(path)) as target, target:
        for table in ("bakery", "feedstock", "reciperun"):
            names = [name for _, name, *_ in target.execute(f"PRAGMA table_info({table})")]
            columns, values = ", ".join(names), ", ".join("?" * len(names))
            rows = postgres.stream(url, f"SELECT {columns} FROM {table} ORDER BY id")
            target.executemany(f"INSERT INTO {table} ({columns}) VALUES ({values})", map(sqlite_values, rows))
    migrate(copy, "0030_covering_index")
    with closing(sqlite3.connect(path)) as target, target:
        rows = postgres.stream(url, "SELECT failure_class, failure::text, id FROM reciperun WHERE failure IS NOT NULL")
        target.executemany("UPDATE reciperun SET failure_class = ?, failure = ? WHERE id = ?", rows)
    migrate(copy)
    return copy


def sqlite_values(row):
    """The values as SQLAlchemy stores them in SQLite."""
    return [f"{value:%Y-%m-%d %H:%M:%S.%f}" if isinstance(value, datetime) else value for value in row]


def migrate(url, revision="head"):
    upgrade = flask(environment(url), "db", "upgrade", revision)
    assert upgrade.returncode == 0, upgrade.stdout


def fill(url, count, minutes=1):
    """Put `count` runs into the empty database at `url`, of which one starts every few `minutes`."""
    postgres.execute(url, FILL.format(first=FIRST, count=count, minutes=minutes))
    postgres.vacuum(url)


def restore(url):
    """Restore the dump. The server may lack the extension pg_stat_statements, because no test needs it."""
    target = url.render_as_string(hide_password=False)
    command = [postgres.tool("pg_restore"), "--no-acl", "--no-owner", "--dbname", target, DUMP]
    log = subprocess.run(command, stderr=subprocess.PIPE, text=True, check=False).stderr.splitlines()
    assert [line for line in log if "pg_restore: error:" in line and "pg_stat_statements" not in line] == []


if __name__ == "__main__":
    fill(make_url(os.environ["DATABASE_URL"]), int(sys.argv[1]))
