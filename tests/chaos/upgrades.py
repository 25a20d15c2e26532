"""(e): `flask db upgrade` of a database of the original, killed in the middle, and under readers.

It is dirty as the original let it be: empty and strange text, ends before starts, conclusions without the status, gaps
in the ids, times that nobody can read. Checksums are of its columns, such times being what 0006 makes of them.
"""

import random
import time
from contextlib import closing
from itertools import islice

import psycopg2

from tests.chaos.service import Clients, ask
from tests.migrations.test_adoption import create_original_schema
from tests.migrations.test_migrations import start_upgrade
from tests.support import live, postgres
from tests.support.apps import environment
from tests.support.databases import CHAIN, application
from tests.support.dyno import dyno, serving

LAST_OF_THE_ORIGINAL, RUNS, KILLS, READERS = "0499cef6b57a", 100_000, 20, 8
OWN = CHAIN[CHAIN.index(LAST_OF_THE_ORIGINAL) + 1 :]  # the migrations of an upgrade
LAST = 3  # of them, in which no upgrade is killed, because it could end before
ROUTER_TIMEOUT = 30  # seconds a reader may wait: as long as Heroku's router lets it
DIRTY = (
    "INSERT INTO bakery (region, name, description) SELECT '', 'bakery ' || i, 'Océans ☂' FROM generate_series(1, 9) i",
    "INSERT INTO feedstock (spec, provider) SELECT i || '-feedstock', 'gitlab ' FROM generate_series(1, 90) i",
    f"""
INSERT INTO reciperun (recipe_id, bakery_id, feedstock_id, head_sha, version, started_at, completed_at, conclusion,
    status, message, is_test, dataset_type, dataset_public_url)
SELECT CASE i % 9 WHEN 0 THEN '' ELSE 'recipe ☂ ' || i % 500 END, 1 + i % 9, 1 + i % 90, md5((i % 7000)::text), '',
    CASE i % 1000 WHEN 1 THEN '-infinity' WHEN 2 THEN '10000-01-01' ELSE t END,
    CASE i % 5 WHEN 1 THEN NULL WHEN 2 THEN timestamp '2021-01-01' ELSE t + interval '1 hour' END,
    CASE i % 4 WHEN 1 THEN NULL WHEN 2 THEN 'failure' ELSE 'success' END,
    CASE i % 3 WHEN 1 THEN 'queued' WHEN 2 THEN 'in_progress' ELSE 'completed' END,
    CASE i % 6 WHEN 1 THEN '' WHEN 2 THEN E'{{"not": json\\n\\t' ELSE repeat('message ', 20) END, i % 2 = 0,
    CASE i % 8 WHEN 1 THEN '' WHEN 2 THEN 'Zarr' END,
    CASE i % 7 WHEN 1 THEN '' WHEN 2 THEN 'https://example.org/' || i % 3000 END
FROM (SELECT i, timestamp '2022-03-03' + i * interval '1 minute' AS t FROM generate_series(1, {RUNS * 1001 // 1000}) i)
    AS run""",
    "DELETE FROM reciperun WHERE id % 1001 = 500",
    "VACUUM ANALYZE",
)
MEMBERS = "recipe_id, bakery_id, feedstock_id, head_sha, version, status, conclusion, message, is_test, dataset_type"
MEMBERS += ", dataset_public_url, id"
READABLE = "greatest('0001-01-01'::timestamp, least('9999-12-31 23:59:59.999999'::timestamp, {}))"
COLUMNS = {
    "bakery": "id, region, name, description",
    "feedstock": "id, spec, provider",
    "reciperun": f"{MEMBERS}, {READABLE.format('started_at')}, {READABLE.format('completed_at')}",
}
# The statements of the original for a list, a record, nested records and a count. Times are read as text, because no
# driver can read all of them.
RUN = f"{MEMBERS}, started_at::text, completed_at::text"
READS = (
    f"SELECT {RUN} FROM reciperun ORDER BY id LIMIT 100",
    f"SELECT {RUN} FROM reciperun WHERE id = 777",
    f"SELECT {RUN} FROM reciperun WHERE feedstock_id = 7",
    "SELECT id, region, name, description FROM bakery WHERE id = 1",
    "SELECT id, spec, provider FROM feedstock ORDER BY id",
    "SELECT count(id) FROM reciperun",
)


def upgrade_killed(_cluster, url, _folder):
    """`flask db upgrade` of a dirty legacy database of 100,000 runs killed 20 times in the middle, then run again"""
    before = make_legacy(url)
    middle = sum(kill(url, random.randrange(1, len(OWN) - LAST)) for _ in range(KILLS))
    assert checksums(url) == before, "a killed upgrade left something behind"
    seconds = upgrade(url)
    assert checksums(url) == before
    assert middle > KILLS / 2, f"only {middle} of {KILLS} kills came while it migrated"
    return f"{middle} of {KILLS} kills came while it migrated; then it took {seconds:.1f} s, checksums equal"


def upgrade_read(_cluster, url, folder):
    """The same upgrade under 8 readers that behave like the original, and one reader of our service"""
    before, waits = make_legacy(url), []
    env = dyno(environment(url), WEB_CONCURRENCY="1", PROXY_COUNT="0")
    with serving("exec gunicorn wsgi:app", env, live.ROOT, folder / "log") as server:
        with Clients(READERS, reader(url, waits)), Clients(1, asker(server)) as ours:
            seconds = upgrade(url)
            time.sleep(1)
        assert ask(server.port, "/recipe_runs/?limit=1").status == 200
    assert checksums(url) == before
    assert not ours.broken
    assert set(ours.statuses()) == {200, 503}
    assert max(waits) < ROUTER_TIMEOUT, max(waits)
    return (
        f"{len(waits)} reads, none failed, the longest took {max(waits):.1f} s of the upgrade's {seconds:.1f}; "
        "our service said 503 until it was done; checksums equal"
    )


def make_legacy(url):
    """Create a database of the original and return its checksums."""
    with application(url) as app:
        create_original_schema(app, LAST_OF_THE_ORIGINAL)
    for statement in DIRTY:
        postgres.execute(url, statement)
    return checksums(url)


def checksums(url):
    """The number of rows of each table of the original, and their digest."""
    digest = "SELECT count(*), md5(string_agg(row::text, '' ORDER BY id)) FROM (SELECT {} FROM {}) AS row"
    return {table: postgres.execute(url, digest.format(columns, table)) for table, columns in COLUMNS.items()}


def upgrade(url):
    """Upgrade the database and return the duration in seconds."""
    began = time.monotonic()
    done = live.flask(environment(url), "db", "upgrade")
    assert done.returncode == 0, done.stdout
    return time.monotonic() - began


def kill(url, number):
    """Start an upgrade and kill it in its migration with that number. Return whether it was still migrating.

    Its log says where it is: a time would depend on the speed of the machine.
    """
    with start_upgrade(url) as process:
        begun = (line for line in process.stderr if "Running upgrade" in line)
        assert len(list(islice(begun, number))) == number, "nothing is left to migrate"
        time.sleep(random.uniform(0, 0.1))
        found = process.poll() is None and migrating(url)
        process.kill()
    while migrating(url):  # until PostgreSQL has detected the closed connection
        time.sleep(0.05)
    return found


def migrating(url):
    """Whether any process holds the lock of migrations/env.py."""
    return bool(postgres.execute(url, "SELECT 1 FROM pg_locks WHERE locktype = 'advisory'"))


def reader(url, waits):
    """A client that reads like the original: each statement in a separate transaction and without a time limit."""

    def read(_clients, _name):
        with closing(psycopg2.connect(url.render_as_string(hide_password=False))) as connection:
            connection.autocommit = True
            for statement in READS:
                began = time.monotonic()
                with connection.cursor() as cursor:
                    cursor.execute(statement)
                    assert cursor.fetchall()
                waits.append(time.monotonic() - began)
        time.sleep(0.01)

    return read


def asker(server):
    def look(clients, _name):
        clients.send(server.port, "/recipe_runs/?limit=5")
        time.sleep(0.05)

    return look
