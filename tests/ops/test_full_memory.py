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


@pytest.fixture
def start(sqlite_template, tmp_path):
    """A function that starts a server with two workers. With shell commands that mount, it has separate mounts."""
    env = dyno(environment(copied(sqlite_template, tmp_path / "x.sqlite")), PROXY_COUNT="0")

    def start(*mounts):
        command = " && ".join([*mounts, "exec gunicorn wsgi:app"])
        return serving(
            f"exec {OWN_MOUNTS} bash -c '{command}'" if mounts else command, env, live.ROOT, tmp_path / "log"
        )

    return start


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
def test_a_request_is_answered_while_shared_memory_is_full(start):
    with start(SMALL) as server:
        fill(server)
        assert [create(server, f"n{n}") for n in range(12)] == [201] * 12
        assert ask(server, "/metrics", authorization=f"Bearer {ADMIN_KEY}")[0] == 200
        assert "SIGBUS" not in server.log.read_text()


@needs_mounts
def test_a_server_starts_while_shared_memory_is_full(start):
    with start(SMALL, FILL) as server:
        assert create(server, "a") == 201


@needs_mounts
def test_a_killed_server_leaves_no_file_in_shared_memory(start):
    with start(SMALL) as server:
        assert create(server, "a") == 201
        assert list(seen(server, "/dev/shm").iterdir()) == []


def test_no_process_of_a_server_maps_a_file_of_shared_memory(start):
    with start() as server:
        assert create(server, "a") == 201
        for pid in (server.process.pid, *live.children(server.process)):
            assert "/dev/shm" not in Path(f"/proc/{pid}/maps").read_text()
