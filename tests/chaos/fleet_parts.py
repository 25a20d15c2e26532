"""The parts of a fleet, each on a separate port: the service three times, nginx, PgBouncer, PostgreSQL, Valkey."""

import os
import re
import shutil
import signal
import socket
import subprocess
from contextlib import ExitStack, contextmanager, suppress
from http.client import HTTPException
from pathlib import Path

from tests.chaos.service import ask
from tests.support import live, pooler, postgres
from tests.support.apps import environment
from tests.support.databases import application, upgrade
from tests.support.dyno import dyno, wait_until
from tests.support.factories import make_bakery, make_feedstock, run_body
from tests.test_heroku import PROCESSES

INSTANCES = 3
LIMIT = 400  # writes of a key in a minute
# Debian 12 has no Valkey, but Redis 7.0, which speaks the same protocol.
VALKEY = shutil.which("valkey-server") or shutil.which("redis-server")
NGINX = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
MISSING = "The fleet needs nginx, PgBouncer, and Valkey or Redis: `apt-get install nginx pgbouncer redis-server`."
SAMPLE = live.ROOT / "deploy" / "nginx" / "pangeo-forge.conf"
SERVER = "server 127.0.0.1:8000 "
PROXY = """
daemon off;
pid {folder}/nginx.pid;
error_log {folder}/nginx.log;
events {{ }}
http {{
    access_log off;
    include {folder}/pangeo-forge.conf;
}}
"""


class Instance:
    """One instance of the service: gunicorn on a separate port, started like the `web` of the Procfile."""

    def __init__(self, settings, log):
        self.settings, self.port, self.log = settings, int(settings["PORT"]), log

    def start(self, tree=live.ROOT):
        """Start the release in the folder `tree`."""
        command = ["bash", "-c", f"exec {PROCESSES['web']}"]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                command, cwd=tree, env=self.settings, stdout=log, stderr=log, start_new_session=True
            )

    def wait(self):
        """Wait until the instance is ready."""
        wait_until(self.is_ready)

    def is_ready(self):
        assert self.process.poll() is None, self.log.read_text()[-2000:]
        with suppress(OSError, HTTPException):
            return ask(self.port, "/readyz").status == 200

    def stop(self):
        """Send TERM, as every way to deploy does, and wait until the requests in progress are finished."""
        self.process.terminate()
        assert self.process.wait(live.PATIENCE) == 0

    def kill(self):
        """Kill the master and its workers at once with SIGKILL."""
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


class Fleet:
    """`port` is that of the proxy, `url` that of the database through PgBouncer, `body` creates a run."""

    def __init__(self, folder):
        self.folder, self.port = folder, postgres.free_port()

    def environment(self):
        """The environment of a new process of the service, with a free port."""
        limits = {"RATELIMIT_STORAGE_URI": f"valkey://127.0.0.1:{self.valkey.port}/0"}
        limits |= {"RATELIMIT_WRITES": f"{LIMIT}/minute", "PROXY_COUNT": "1", "WEB_CONCURRENCY": "2"}
        return dyno(environment(self.pooler.url), **limits)


class Valkey:
    """A Valkey, or Redis, that keeps nothing on disk."""

    def __init__(self):
        self.port = postgres.free_port()

    def start(self):
        command = [VALKEY, "--port", str(self.port), "--bind", "127.0.0.1", "--save", ""]
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        wait_until(lambda: listens(self.port))

    def freeze(self):
        """Let connections wait for an answer that does not come."""
        self.process.send_signal(signal.SIGSTOP)

    def kill(self):
        self.process.kill()
        self.process.wait()


@contextmanager
def fleet(folder):
    """A running fleet with a migrated database, a bakery and a feedstock."""
    if None in (NGINX, VALKEY, pooler.PGBOUNCER):
        raise RuntimeError(MISSING)
    found = Fleet(folder)
    with ExitStack() as stack:
        start_databases(found, stack)
        found.valkey = Valkey()
        found.valkey.start()
        stack.callback(found.valkey.kill)
        found.instances = [Instance(found.environment(), folder / f"log-{n}") for n in range(1, INSTANCES + 1)]
        for instance in found.instances:
            instance.start()
            stack.callback(instance.kill)
        for instance in found.instances:
            instance.wait()
        stack.enter_context(proxy(found))
        yield found


def start_databases(found, stack):
    """PostgreSQL with a synchronous standby, and PgBouncer with its default settings in front of it."""
    folders = [found.folder / name for name in ("primary", "standby")]
    for folder in folders:
        folder.mkdir()
    found.primary = stack.enter_context(postgres.cluster(folders[0], postgres.DURABLE))
    found.database = "pangeo_forge"
    postgres.execute(found.primary.url, f"CREATE DATABASE {found.database}")
    found.standby = stack.enter_context(postgres.standby(found.primary, folders[1]))
    url = found.primary.url.set(database=found.database)
    found.pooler = stack.enter_context(pooler.running(url, found.folder))
    with application(found.pooler.url) as app:
        upgrade(app)
        found.body = run_body(app, bakery_id=make_bakery(app).id, feedstock_id=make_feedstock(app).id)


@contextmanager
def proxy(found):
    """nginx in front of the instances, with the sample of deploy/, but by http and for three instances."""
    settings = Path(found.folder, "nginx.conf")
    settings.write_text(PROXY.format(folder=found.folder))
    Path(found.folder, "pangeo-forge.conf").write_text(sample(found))
    with subprocess.Popen([NGINX, "-p", found.folder, "-c", settings]) as process:
        try:
            wait_until(lambda: listens(found.port))
            yield
        finally:
            process.terminate()


def sample(found):
    without_https = re.sub(r"^ *(listen|ssl_certificate\w*) .*\n", "", SAMPLE.read_text(), flags=re.MULTILINE)
    text = re.sub("^ *server_name .*", f"listen 127.0.0.1:{found.port};", without_https, flags=re.MULTILINE)
    [line] = re.findall(f"^ *{SERVER}.*\n", text, re.MULTILINE)
    lines = [line.replace("8000", str(instance.port)) for instance in found.instances]
    return text.replace(line, "".join(lines))


def listens(port):
    with suppress(ConnectionRefusedError), socket.create_connection(("127.0.0.1", port)):
        return True
