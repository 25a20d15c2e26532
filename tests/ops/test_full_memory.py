"""Metrics never decide whether a request is answered or a server starts, even if /dev/shm is full."""

import json
import os
import subprocess
from contextlib import suppress
from pathlib import Path

import pytest

from tests.support import live
from tests.support.apps import ADMIN_KEY, copied, environment
from tests.support.dyno import ask, dyno, serving

OWN_MOUNTS = "unshare --mount" if os.geteuid() == 0 else "unshare --mount --map-root-user"
SMALL = "mount -t tmpfs -o size=1m none /dev/shm"
FILL = "! cat /dev/zero > /dev/shm/full 2> /dev/null"
MAY_MOUNT = subprocess.run(["bash", "-c", f"{OWN_MOUNTS} {SMALL}"], capture_output=True).returncode == 0
needs_mounts = pytest.mark.skipif(not MAY_MOUNT, reason="this user may not mount a small /dev/shm")


@pytest.fixture(scope="module")
def start(sqlite_template, tmp_path_factory):
    """A function that starts a server with two workers. With shell commands that mount, it has separate mounts."""
    folder = tmp_path_factory.mktemp("memory")
    settings = environment(copied(sqlite_template, folder / "x.sqlite"))

    def start(*mounts):
        command = " && ".join([*mounts, "exec gunicorn wsgi:app"])
        command = f"exec {OWN_MOUNTS} bash -c '{command}'" if mounts else command
        env = dyno(settings, PROXY_COUNT="0")
        return serving(command, env, live.ROOT, folder / f"log-{env['PORT']}")

    return start


@pytest.fixture(scope="module")
def small(start):
    """A server with little shared memory, which the tests leave empty."""
    with start(SMALL) as server:
        yield server


def seen(server, path):
    """The path to the file that the server, with its separate mounts, has at `path`."""
    return Path(f"/proc/{server.process.pid}/root{path}")


def fill(server):
    """Fill the /dev/shm of the server."""
    with suppress(OSError), seen(server, "/dev/shm/full").open("wb", buffering=0) as file:
        while True:
            file.write(bytes(4096))


def create(server, name):
    body = json.dumps({"spec": f"pangeo-forge/{name}-feedstock"})
    headers = {"authorization": f"Bearer {ADMIN_KEY}", "content_type": "application/json"}
    return ask(server, "/feedstocks/", "POST", body, **headers)[0]


@needs_mounts
def test_a_killed_server_leaves_no_file_in_shared_memory(small):
    assert create(small, "a") == 201
    assert list(seen(small, "/dev/shm").iterdir()) == []


@needs_mounts
def test_a_request_is_answered_while_shared_memory_is_full(small):
    fill(small)
    assert [create(small, f"n{n}") for n in range(12)] == [201] * 12
    assert ask(small, "/metrics", authorization=f"Bearer {ADMIN_KEY}")[0] == 200
    assert "SIGBUS" not in small.log.read_text()
    seen(small, "/dev/shm/full").unlink()


@needs_mounts
def test_a_server_starts_while_shared_memory_is_full(start):
    with start(SMALL, FILL) as server:
        assert create(server, "b") == 201


def test_no_process_of_a_server_maps_a_file_of_shared_memory(start):
    with start() as server:
        assert create(server, "c") == 201
        for pid in (server.process.pid, *live.children(server.process)):
            assert "/dev/shm" not in Path(f"/proc/{pid}/maps").read_text()
