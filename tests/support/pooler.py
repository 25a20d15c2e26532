"""PgBouncer in transaction mode, with one connection to the server and otherwise its default settings."""

import os
import shutil
import subprocess
from contextlib import contextmanager
from pathlib import Path

import psycopg2
import pytest

from tests.support.dyno import wait_until
from tests.support.postgres import execute, free_port

PGBOUNCER = shutil.which("pgbouncer") or shutil.which("pgbouncer", path="/usr/sbin")
NO_POOLER = "there is no PgBouncer on this machine"
# PgBouncer refuses to run as root without `user`. `auth_type=any` connects every client as the user of the first line.
SETTINGS = """
[databases]
* = {server}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = any
pool_mode = transaction
default_pool_size = 1
{user}
"""


@contextmanager
def pooler(url, folder):
    """The URL of the database at `url` through a PgBouncer that keeps its settings in `folder`."""
    if PGBOUNCER is None:
        pytest.skip(NO_POOLER)
    port, settings = free_port(), Path(folder, "pgbouncer.ini")
    user = "user = nobody" if os.getuid() == 0 else ""
    server = f"host={url.host} port={url.port} user={url.username}" + (
        f" password='{url.password}'" if url.password else ""
    )
    settings.write_text(SETTINGS.format(server=server, port=port, user=user))
    pooled = url.set(host="127.0.0.1", port=port)
    with subprocess.Popen([PGBOUNCER, "-q", settings]) as process:
        try:
            wait_until(lambda: answers(pooled))
            yield pooled
        finally:
            process.terminate()


def answers(url):
    try:
        return execute(url, "SELECT 1") == [(1,)]
    except psycopg2.OperationalError:
        return False
