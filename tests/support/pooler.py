"""PgBouncer in transaction mode, with its default settings except those that are given."""

import os
import shutil
import signal
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
{server}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = any
pool_mode = transaction
{more}
"""


@contextmanager
def pooler(url, folder):
    """The URL of the database at `url` through a PgBouncer with one connection to it. Its settings are in `folder`."""
    if PGBOUNCER is None:
        pytest.skip(NO_POOLER)
    with running(url, folder, "default_pool_size = 1") as found:
        yield found.url


@contextmanager
def running(url, folder, settings=""):
    """A `Pooler` in front of the database at `url`. `settings` are lines that replace defaults."""
    found = Pooler(folder, settings)
    found.write_settings(url)
    found.start()
    try:
        yield found
    finally:
        found.stop()


class Pooler:
    """A PgBouncer that can be stopped, started again on the same port, and pointed at another server."""

    def __init__(self, folder, settings):
        self.port, self.file = free_port(), Path(folder, "pgbouncer.ini")
        self.settings = "\n".join([settings, "user = nobody" if os.getuid() == 0 else ""])

    def write_settings(self, url):
        """Write the settings for the database at `url`. They come into force at a start or a reload."""
        server = f"{url.database} = host={url.host} port={url.port} user={url.username}" + (
            f" password='{url.password}'" if url.password else ""
        )
        self.file.write_text(SETTINGS.format(server=server, port=self.port, more=self.settings))
        self.url = url.set(host="127.0.0.1", port=self.port)

    def start(self):
        """Start PgBouncer and wait until it has connected to the database."""
        self.process = subprocess.Popen([PGBOUNCER, "-q", self.file])
        wait_until(lambda: answers(self.url))

    def reload(self):
        """Read the settings again, without closing the connections of clients."""
        self.process.send_signal(signal.SIGHUP)

    def stop(self):
        """Stop PgBouncer at once. Clients lose their connections."""
        self.process.terminate()
        self.process.wait()


def answers(url):
    try:
        return execute(url, "SELECT 1") == [(1,)]
    except psycopg2.OperationalError:
        return False
