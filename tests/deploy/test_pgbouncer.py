"""PgBouncer with the files of deploy/pgbouncer, in front of a PostgreSQL that asks for a password."""

import os
import shutil
import subprocess
from pathlib import Path
from tempfile import TemporaryDirectory

import psycopg2
import pytest

from tests.support import live, postgres
from tests.support.apps import environment
from tests.support.live import ROOT, wait_until
from tests.support.pooler import NO_POOLER, PGBOUNCER, answers
from tests.support.validators import changed

NAME = "pangeo_forge"
SECRET = {"POSTGRES_USER": NAME, "POSTGRES_PASSWORD": "0123456789abcdef"}
HBA = f"host all {NAME} 127.0.0.1/32 scram-sha-256\nhost all all 127.0.0.1/32 trust\n"


@pytest.fixture(scope="module")
def direct():
    """The URL of an empty database on a server that asks for the password."""
    if PGBOUNCER is None:
        pytest.skip(NO_POOLER)
    with (
        TemporaryDirectory(prefix="postgres-", dir=postgres.MEMORY) as folder,
        postgres.cluster(Path(folder), postgres.SETTINGS) as server,
    ):
        postgres.execute(server.url, f"CREATE ROLE {NAME} LOGIN PASSWORD '{SECRET['POSTGRES_PASSWORD']}'")
        postgres.execute(server.url, f"CREATE DATABASE {NAME} OWNER {NAME}")
        ((path,),) = postgres.execute(server.url, "SHOW hba_file")
        Path(path).write_text(HBA)
        postgres.execute(server.url, "SELECT pg_reload_conf()")
        yield server.url.set(username=NAME, password=SECRET["POSTGRES_PASSWORD"], database=NAME)


@pytest.fixture(scope="module")
def pooled(direct):
    """The URL of the database through PgBouncer, which refuses to run as root."""
    with TemporaryDirectory(prefix="pgbouncer-") as name:
        port, folder = postgres.free_port(), Path(name)
        prepare(folder, f"host={direct.host} port={direct.port}", f"listen_port = {port}")
        owner = {"user": "nobody"} if os.getuid() == 0 else {}
        with subprocess.Popen([folder / "start"], env=SECRET, **owner) as process:
            try:
                wait_until(lambda: process.poll() is not None or answers(direct.set(port=port)))
                yield direct.set(port=port)
            finally:
                process.terminate()


def prepare(folder, server, port):
    folder.chmod(0o777)
    program = {"/tmp/userlist.txt": folder / "users", "/etc/pgbouncer": folder, "exec pgbouncer": f"exec {PGBOUNCER}"}
    settings = {"host=postgres port=5432": server, "listen_port = 6432": port, "/tmp/userlist.txt": folder / "users"}
    for name, changes in {"start": program, "pgbouncer.ini": settings}.items():
        shutil.copy(ROOT / "deploy" / "pgbouncer" / name, folder)
        (folder / name).write_text(changed(folder / name, changes))


def test_the_service_migrates_directly_and_reads_through_the_pooler(direct, pooled, flask_programs):
    settings = environment(pooled, MIGRATION_DATABASE_URL=direct.render_as_string(hide_password=False))
    assert live.flask(settings, "db", "upgrade", programs=flask_programs).returncode == 0
    done = live.flask(settings, "runs", "reap", programs=flask_programs)
    assert (done.returncode, done.stdout.split()[-2:]) == (0, ["total", "0"])


@pytest.mark.parametrize("wrong", [{"password": "wrong"}, {"username": "postgres"}])
def test_the_pooler_lets_in_nobody_else(pooled, wrong):
    with pytest.raises(psycopg2.OperationalError):
        postgres.execute(pooled.set(**wrong), "SELECT 1")
