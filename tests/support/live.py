"""The service as its users reach it: gunicorn on a port of this machine."""

import json
import subprocess
import sys
import time
import urllib.request
from contextlib import contextmanager, suppress
from pathlib import Path

from tests.support.postgres import free_port

ROOT = Path(__file__).parents[2]
BIN = Path(sys.executable).parent
# Of every process that tests start: `.env` has the settings of the service that a contributor runs.
NO_ENV_FILE = {"PYTHON_DOTENV_DISABLED": "1", "FLASK_SKIP_DOTENV": "1"}
PATIENCE = 300  # seconds that tests wait for a server; even on a busy machine, only a server that hangs takes so long


@contextmanager
def server(environment, port=None):
    """The address of a running server with this environment and a PATH, by default on a free port."""
    port = port or free_port()
    command = [str(BIN / "gunicorn"), "--bind", f"127.0.0.1:{port}", "wsgi:app"]
    with subprocess.Popen(command, cwd=ROOT, env={"PATH": f"{BIN}:/usr/bin:/bin", **environment}) as process:
        try:
            yield wait_for(f"http://127.0.0.1:{port}", process)
        finally:
            process.terminate()


def flask(environment, *arguments, programs=BIN):
    """Run a `flask` command with the program `flask` in the folder `programs`. `stdout` has what both streams get."""
    command = [f"{programs}/flask", *arguments]
    env = {"PATH": f"{BIN}:/usr/bin:/bin", **environment}
    return subprocess.run(command, cwd=ROOT, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def python(environment, program):
    """The output of a Python program that runs in the folder of the project."""
    command = [sys.executable, "-c", program]
    return subprocess.run(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True, check=True).stdout


def post(url, body, key):
    """The JSON answer to a POST with this key."""
    headers = {"Content-Type": "application/json", "X-API-Key": key}
    with urllib.request.urlopen(urllib.request.Request(url, json.dumps(body).encode(), headers)) as response:
        return json.load(response)


def children(process):
    """The ids of the child processes. Those of a master are its workers."""
    found = subprocess.run(["pgrep", "-P", str(process.pid)], capture_output=True, text=True)
    return [int(pid) for pid in found.stdout.split()]


def wait_for(address, process):
    """Wait until /healthz answers, and return `address`."""

    def answers():
        assert process.poll() is None, f"the server ended with exit code {process.returncode}"
        with suppress(OSError), urllib.request.urlopen(f"{address}/healthz", timeout=PATIENCE):
            return True

    wait_until(answers)
    return address


def wait_until(condition):
    """Wait until `condition()` returns a true value, and return it."""
    deadline = time.monotonic() + PATIENCE
    while not (found := condition()):
        assert time.monotonic() < deadline, f"waited for more than {PATIENCE} seconds"
        time.sleep(0.02)
    return found
