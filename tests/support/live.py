"""The service as its users meet it: gunicorn on a port of this machine."""

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
PATIENCE = 300  # seconds to wait for anything; only what hangs takes as long, on the busiest machine, too


@contextmanager
def server(environment):
    """The address of a server with that environment (and a PATH), up and ready to answer."""
    port = free_port()
    command = [str(BIN / "gunicorn"), "--bind", f"127.0.0.1:{port}", "wsgi:app"]
    with subprocess.Popen(command, cwd=ROOT, env={"PATH": f"{BIN}:/usr/bin:/bin", **environment}) as process:
        try:
            yield wait_for(f"http://127.0.0.1:{port}", process)
        finally:
            process.terminate()


def flask(environment, *arguments):
    """Run a `flask` command; its output, both streams, in `stdout`."""
    command = [BIN / "flask", *arguments]
    env = {"PATH": f"{BIN}:/usr/bin:/bin", **environment}
    return subprocess.run(command, cwd=ROOT, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def python(environment, program):
    """What a Python program prints that runs in the folder of the project."""
    command = [sys.executable, "-c", program]
    return subprocess.run(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True, check=True).stdout


def post(url, body, key):
    """The JSON that POST with that key answers."""
    headers = {"Content-Type": "application/json", "X-API-Key": key}
    with urllib.request.urlopen(urllib.request.Request(url, json.dumps(body).encode(), headers)) as response:
        return json.load(response)


def children(process):
    """The process ids of the children of a process, of a master's its workers."""
    found = subprocess.run(["pgrep", "-P", str(process.pid)], capture_output=True, text=True)
    return [int(pid) for pid in found.stdout.split()]


def wait_for(address, process):
    """`address`, once its /healthz answers."""

    def answers():
        assert process.poll() is None, f"the server ended with exit code {process.returncode}"
        with suppress(OSError), urllib.request.urlopen(f"{address}/healthz", timeout=PATIENCE):
            return True

    wait_until(answers)
    return address


def wait_until(condition):
    """What `condition()` returns, once that is true."""
    deadline = time.monotonic() + PATIENCE
    while not (found := condition()):
        assert time.monotonic() < deadline, f"waited for more than {PATIENCE} seconds"
        time.sleep(0.02)
    return found
