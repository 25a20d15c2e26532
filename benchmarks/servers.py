"""The servers that are measured: the service, the floor, the comparator and the service of another checkout."""

import json
import subprocess
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.support.apps import ADMIN_KEY, environment
from tests.support.dyno import ask, dyno, serving
from tests.support.live import ROOT

SERVICE = "exec gunicorn wsgi:app"
COMMANDS = {
    "floor": "exec gunicorn -c benchmarks/serve_floor.py benchmarks.floor:application",
    "comparator": "exec .venv/bench/bin/uvicorn --port $PORT benchmarks.comparator:app",
    "service": SERVICE,
}
READY = {"comparator": "Uvicorn running on"}  # what gunicorn logs as "Listening at"


@contextmanager
def started(url, *names, beside=None):
    """Servers by name, each with one worker, ready to answer; the service of the checkout `beside` by its commit."""
    commands = {name: (COMMANDS[name], ROOT) for name in names}
    if beside:
        commands[commit(beside)] = (SERVICE, beside)
    env = environment(url, WEB_CONCURRENCY="1", GUNICORN_CMD_ARGS="", RATELIMIT_WRITES="99999999/second")
    with TemporaryDirectory(prefix="bench-") as logs, ExitStack() as stack:
        yield {
            name: stack.enter_context(
                serving(
                    command,
                    dyno(env, PYTHONPATH=str(folder)),
                    folder,
                    Path(logs, f"{name}.log"),
                    READY.get(name, "Listening at"),
                )
            )
            for name, (command, folder) in commands.items()
        }


def commit(checkout):
    """The commit of a checkout, such as `4e74d12`, or `4e74d12-dirty` if files have changed since."""
    command = ["git", "-C", str(checkout), "describe", "--always", "--dirty", "--exclude=*"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def new_key(service):
    """A key that may write and is in the table of keys, as the key of the configuration is not."""
    headers = {"x_api_key": ADMIN_KEY, "content_type": "application/json"}
    status, _, text = ask(service, "/api-keys", "POST", json.dumps({"is_admin": False}), **headers)
    assert status in (200, 201), text
    return json.loads(text)["key"]
