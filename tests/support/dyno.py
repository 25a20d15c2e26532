"""Processes as Heroku runs them: a shell command, the environment of a dyno, a port."""

import http.client
import os
import signal
import subprocess
from contextlib import closing, contextmanager
from types import SimpleNamespace

from tests.support import live
from tests.support.live import wait_until as wait_until
from tests.support.postgres import free_port

# Heroku's Python does not start without these variables.
INHERITED = ("LANG", "LD_LIBRARY_PATH", "PYTHONHOME")


def dyno(settings, **more):
    """The environment of a process in a dyno: `settings` and the variables of Heroku and its Python buildpack."""
    inherited = {name: os.environ[name] for name in INHERITED if name in os.environ}
    path = f"{live.BIN}:/usr/bin:/bin"
    buildpack = {"FORWARDED_ALLOW_IPS": "*", "GUNICORN_CMD_ARGS": "--access-logfile -", "WEB_CONCURRENCY": "2"}
    return {**inherited, "PATH": path, "PORT": str(free_port()), **buildpack, **settings, **more}


def run(command, env, folder=live.ROOT):
    """Run a shell command and wait for its end."""
    return subprocess.run(
        ["bash", "-c", command], cwd=folder, env=env, capture_output=True, text=True, timeout=live.PATIENCE
    )


@contextmanager
def serving(command, env, folder, log, ready="Listening at"):
    """A server that has logged `ready`: its `port`, its `process` (the leader of a group) and its `log` (a file)."""
    with (
        log.open("wb") as output,
        subprocess.Popen(
            ["bash", "-c", command], cwd=folder, env=env, stdout=output, stderr=output, start_new_session=True
        ) as process,
    ):
        try:
            wait_until(lambda: ready in log.read_text() or process.poll() is not None)
            assert process.poll() is None, log.read_text()
            yield SimpleNamespace(port=int(env["PORT"]), process=process, log=log)
        finally:
            # A worker ignores a SIGTERM that arrives before it has booted, and gunicorn would wait for that worker.
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()


def ask(server, path, method="GET", body=None, **headers):
    """The status, headers and text of the answer. `x_forwarded_for=…` sends the header X-Forwarded-For."""
    with closing(http.client.HTTPConnection("127.0.0.1", server.port, timeout=live.PATIENCE)) as connection:
        connection.request(method, path, body, {name.replace("_", "-"): value for name, value in headers.items()})
        response = connection.getresponse()
        return response.status, response.headers, response.read().decode()
