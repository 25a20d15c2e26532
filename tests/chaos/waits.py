"""(d), (f), (g): tables that are locked, clients that are slow, disks that are full."""

import json
import multiprocessing
import socket
import subprocess
import time
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack, closing, contextmanager

from sqlalchemy.engine import URL

from tests import load
from tests.chaos.service import Clients, ask, service
from tests.conftest import ADMIN_KEY
from tests.dyno import wait_until
from tests.test_heroku import locked

LOCKED = 12  # seconds
CLIENTS = 50  # as many as Heroku's router sends to a dyno at once
BAKERY = {"region": "us-central1", "name": "locked", "description": ""}
SPAWN = multiprocessing.get_context("spawn")
SLOW = 300


def locked_table(_cluster, url, folder):
    """A table locked for 12 s under 50 readers and writers of one worker, which exhausts its pool"""
    with service(url, folder, WEB_CONCURRENCY="1") as server, ProcessPoolExecutor(1, SPAWN) as other:
        requests = load.get("/bakeries/"), load.post("/bakeries/", BAKERY, new_key(server))
        with locked(url, "bakery"), Clients(1, probe(server)) as probes:
            began = time.monotonic()
            # From a process of its own: as threads beside the probe they would keep that waiting, not the service.
            crowd = other.submit(load.run, server.port, *requests, connections=CLIENTS, seconds=LOCKED)
            time.sleep(LOCKED)
        unlocked = time.monotonic()
        wait_until(lambda: ask(server.port, "/bakeries/").status == 200)
        back = time.monotonic() - unlocked
        answers = crowd.result()
    assert unlocked - began > LOCKED
    refused = [answer for answer in answers if answer.status == 503]
    assert {answer.status for answer in answers} <= {200, 201, 503}
    assert len(refused) > CLIENTS, len(refused)
    assert all("retry-after:" in answer.headers.lower() for answer in refused)
    slowest, health = (max(answer.seconds for answer in found) for found in (refused, probes.answers))
    assert slowest < 5, slowest
    assert health < 0.05, health
    assert back < 1, back
    return (
        f"{len(refused)} answers of 503 within {slowest:.2f} s, {len(probes.answers)} of /healthz within "
        f"{health * 1000:.0f} ms, recovered in {back:.2f} s"
    )


def new_key(server):
    """A key that is looked up in the database, as the administrator's is not."""
    headers = {"X-API-Key": ADMIN_KEY, "Content-Type": "application/json"}
    return json.loads(ask(server.port, "/api-keys", "POST", "{}", headers).text)["key"]


def probe(server):
    def look(clients, _):
        clients.send(server.port, "/healthz")
        time.sleep(0.05)

    return look


def slow_clients(_cluster, url, folder):
    """300 slow clients, half of them writers, at one worker as we recommend it for a bare host (WEB_THREADS=512)"""
    with service(url, folder, WEB_CONCURRENCY="1", WEB_THREADS="512") as server, ExitStack() as stack:
        for number in range(SLOW):
            stack.enter_context(closing(slow(server, number)))
        time.sleep(1)
        headers = {"X-API-Key": ADMIN_KEY, "Content-Type": "application/json"}
        reads = [ask(server.port, "/recipe_runs/?limit=5") for _ in range(200)]
        writes = [ask(server.port, "/recipe_runs/", "POST", json.dumps(server.body), headers) for _ in range(50)]
    assert {answer.status for answer in reads} == {200}
    assert {answer.status for answer in writes} == {201}
    slowest = max(answer.seconds for answer in reads + writes)
    assert slowest < 1, slowest
    return f"200 reads and 50 writes beside them, each within {slowest * 1000:.0f} ms"


def slow(server, number):
    """A client that sends half a request: of a read in its head, of a write in its body, the key being valid."""
    connection = socket.create_connection(("127.0.0.1", server.port), timeout=15)
    if number % 2:
        connection.sendall(b"GET /recipe_runs/ HTTP/1.1\r\nHost: localhost\r\n")
    else:
        head = f"POST /recipe_runs/ HTTP/1.1\r\nHost: localhost\r\nX-API-Key: {ADMIN_KEY}\r\nContent-Length: 500\r\n"
        connection.sendall(f"{head}Content-Type: application/json\r\n\r\n{{".encode())
    return connection


def disk_full(_cluster, _url, folder):
    """The disk of SQLite full"""
    disk = folder / "disk"
    with mounted(disk, "2m"):
        url = URL.create("sqlite", database=str(disk / "catalogue.sqlite"))
        with service(url, folder, WEB_CONCURRENCY="1") as server:
            headers = {"X-API-Key": ADMIN_KEY, "Content-Type": "application/json"}
            body = json.dumps(server.body | {"message": "x" * 10_000})
            answers = [ask(server.port, "/recipe_runs/", "POST", body, headers) for _ in range(300)]
            read = ask(server.port, "/recipe_runs/?limit=1")
    refused = [answer for answer in answers if answer.status == 503]
    assert {answer.status for answer in answers} == {201, 503}
    assert all(answer.headers["Retry-After"] for answer in refused)
    assert read.status == 200
    return f"{len(answers) - len(refused)} writes, then {len(refused)} answers of 503; reads go on"


@contextmanager
def mounted(folder, size):
    """A disk of that size, in memory; it takes root."""
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", str(folder)], check=True)
