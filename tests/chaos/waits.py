"""(d), (f), (g): locked tables, slow clients and full disks."""

import json
import multiprocessing
import os
import socket
import subprocess
import time
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack, closing, contextmanager, suppress
from pathlib import Path

from sqlalchemy.engine import URL

from tests.chaos.service import Clients, ask, service
from tests.support import live, load, postgres
from tests.support.apps import ADMIN_KEY
from tests.support.dyno import wait_until
from tests.support.memory import resident, worker
from tests.test_heroku import locked

LOCKED = 12  # seconds
CLIENTS = 50  # as many as Heroku's router sends to a dyno at once
BAKERY = {"region": "us-central1", "name": "locked", "description": ""}
SPAWN = multiprocessing.get_context("spawn")
SLOW = 300
MANY_RUNS = (
    "INSERT INTO reciperun (recipe_id, bakery_id, feedstock_id, head_sha, version, started_at, message) "
    "SELECT 'big', b.id, f.id, '', '', '2022-03-03', repeat('slow ', 30) "
    "FROM bakery b, feedstock f, generate_series(1, 6000)"
)


def locked_table(_cluster, url, folder):
    """A table locked for 12 s under 50 readers and writers of one worker, which exhausts its pool"""
    late = []
    with service(url, folder, WEB_CONCURRENCY="1") as server, ProcessPoolExecutor(1, SPAWN) as other:
        requests = load.get("/bakeries/"), load.post("/bakeries/", BAKERY, new_key(server))
        load.run(server.port, *requests, connections=1, count=2)  # fill the caches before the measurement
        with locked(url, "bakery"), Clients(1, probe(server)) as probes, Clients(1, measure_delays(late)):
            began = time.monotonic()
            # The clients run in a separate process: threads would delay the probe instead of the service.
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
    own = max(answer.seconds - machine_delay(answer, late) for answer in probes.answers)
    assert slowest < 8.5, slowest  # two waits of four seconds for a connection, and the request itself
    assert own < 0.05, (own, health)
    assert back < 1, back
    return (
        f"{len(refused)} answers of 503 within {slowest:.2f} s, {len(probes.answers)} of /healthz within "
        f"{own * 1000:.0f} ms ({health * 1000:.0f} with those the machine stood still), recovered in {back:.2f} s"
    )


def measure_delays(late):
    """A client that sleeps for a short time and records how late it woke up, which is the delay of the machine."""

    def nap(_clients, _name):
        began = time.monotonic()
        time.sleep(0.005)
        late.append((began, time.monotonic() - began - 0.005))

    return nap


def machine_delay(answer, late):
    """The seconds by which sleepers woke up late during the request."""
    return sum(
        seconds for began, seconds in late if began < answer.began + answer.seconds and began + seconds > answer.began
    )


def new_key(server):
    """A key that is looked up in the database, unlike the administrator's."""
    headers = {"X-API-Key": ADMIN_KEY, "Content-Type": "application/json"}
    return json.loads(ask(server.port, "/api-keys", "POST", "{}", headers).text)["key"]


def probe(server):
    def look(clients, _):
        clients.send(server.port, "/healthz")
        time.sleep(0.05)

    return look


def slow_clients(_cluster, url, folder):
    """300 slow readers of 3 MB and 150 who send half a request at one worker"""
    readers = []
    with service(url, folder, WEB_CONCURRENCY="1") as server, ExitStack() as stack, Clients(1, reading_slowly(readers)):
        postgres.execute(url, MANY_RUNS)
        before, _ = resident(worker(server))
        for _ in range(SLOW):
            readers.append(stack.enter_context(closing(slow_reader(server))))
        for number in range(SLOW // 2):
            stack.enter_context(closing(half_a_request(server, number)))
        time.sleep(1)
        held, (after, _) = sockets(worker(server)), resident(worker(server))
        headers = {"X-API-Key": ADMIN_KEY, "Content-Type": "application/json"}
        reads = [ask(server.port, "/recipe_runs/?limit=5") for _ in range(200)]
        writes = [ask(server.port, "/recipe_runs/", "POST", json.dumps(server.body), headers) for _ in range(50)]
    assert held > 200, f"the slow clients hold {held} connections only"
    assert {answer.status for answer in reads} == {200}
    assert {answer.status for answer in writes} == {201}
    slowest = max(answer.seconds for answer in reads + writes)
    assert slowest < 1, slowest
    return (
        f"200 reads and 50 writes beside them, each within {slowest * 1000:.0f} ms; {held} connections, memory from "
        f"{before:.0f} to {after:.0f} MB"
    )


def sockets(pid):
    return sum(os.readlink(fd).startswith("socket:") for fd in Path(f"/proc/{pid}/fd").iterdir())


def slow_reader(server):
    """A client that has received the start of an answer of 3 MB."""
    connection = socket.socket()
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    connection.settimeout(live.PATIENCE)
    connection.connect(("127.0.0.1", server.port))
    connection.sendall(load.get(f"/feedstocks/{server.body['feedstock_id']}"))
    assert connection.recv(12) == b"HTTP/1.1 200"
    connection.setblocking(False)
    return connection


def reading_slowly(connections):
    """A client that reads 2 kB a second of each answer. The server cuts the first answers off meanwhile."""

    def read(_clients, _name):
        for connection in list(connections):
            # No data may have arrived yet, or the server may have closed the connection.
            with suppress(BlockingIOError, ConnectionResetError):
                connection.recv(2000)
        time.sleep(1)

    return read


def half_a_request(server, number):
    """A client that sends half a request with a valid key: half the head of a read, or half the body of a write."""
    connection = socket.create_connection(("127.0.0.1", server.port), timeout=live.PATIENCE)
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
    """A disk of that size in memory. To mount it requires root."""
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)], check=True)
    try:
        yield
    finally:
        # The unmount is lazy, because a killed worker may hold its files a moment longer than its master lives.
        subprocess.run(["umount", "--lazy", str(folder)], check=True)
