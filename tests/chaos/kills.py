"""(a) to (c): a database, workers and masters that are killed or stopped under load."""

import os
import random
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

from tests.chaos.service import COMMAND, Clients, ask, service, stored, writer
from tests.support import live
from tests.support.dyno import wait_until
from tests.test_heroku import locked

WRITERS, KILLS, HANDOVERS = 8, 20, 5


def database_killed(cluster, url, folder):
    """PostgreSQL killed with -m immediate 20 times under 8 writers"""
    back, ledger = [], {}
    with service(url, folder) as server, Clients(WRITERS, writer(server, ledger)) as clients:
        for _ in range(KILLS):
            time.sleep(random.uniform(0.3, 0.8))
            cluster.kill()
            time.sleep(random.uniform(0, 0.5))
            cluster.start()
            back.append(seconds_until_ready(server))
    verify(clients, ledger, url, {201, 503})
    assert not clients.broken, clients.broken[0]
    assert max(back) < 2, max(back)
    return f"{summary(clients, ledger)}; serving again after {max(back):.2f} s at most"


def workers_killed(_cluster, url, folder):
    """20 random SIGKILLs of workers under 8 writers"""
    ledger = {}
    with service(url, folder) as server, Clients(WRITERS, writer(server, ledger)) as clients:
        for _ in range(KILLS):
            time.sleep(random.uniform(0.3, 0.8))
            wait_until(lambda: live.children(server.process))
            os.kill(random.choice(live.children(server.process)), signal.SIGKILL)
        seconds_until_ready(server)
    verify(clients, ledger, url, {201, 503, 409})
    assert clients.broken, "the kills hit nothing"
    return f"{summary(clients, ledger)}; {len(clients.broken)} connections broke with their worker"


def master_stopped(_cluster, url, folder):
    """SIGTERM of the master with 16 requests in flight"""
    with service(url, folder) as server, ThreadPoolExecutor(16) as pool:
        with locked(url, "bakery"):
            asked = [pool.submit(ask, server.port, "/bakeries/") for _ in range(16)]
            time.sleep(0.5)
            os.kill(server.process.pid, signal.SIGTERM)
            wait_until(lambda: "Handling signal: term" in server.log.read_text())
            time.sleep(0.5)
        answers = [future.result() for future in asked]
        assert server.process.wait(timeout=30) == 0
    assert {answer.status for answer in answers} == {200}
    return f"{len(answers)} of {len(answers)} answered with 200, then the master ended with 0"


def handover(_cluster, url, folder):
    """5 rolling handovers (USR2, then TERM of the old master) under 12 readers and 4 writers that never pause"""
    pidfile, ledger, ends = folder / "pid", {}, []
    with ExitStack() as stack:
        server = stack.enter_context(service(url, folder, f"{COMMAND} --pid {pidfile}"))
        # The last master is not our child process.
        stack.callback(lambda: os.kill(int(pidfile.read_text()), signal.SIGTERM))
        readers = stack.enter_context(Clients(12, reader(server)))
        writers = stack.enter_context(Clients(4, writer(server, ledger)))
        for _ in range(HANDOVERS):
            ends.append(replace(pidfile, server.log))
    verify(writers, ledger, url, {201})
    assert not readers.broken + writers.broken, (readers.broken + writers.broken)[0]
    assert set(readers.statuses()) == {200}
    answers = readers.answers + writers.answers
    flying = [sum(answer.began < end < answer.began + answer.seconds for answer in answers) for end in ends]
    assert min(flying) > 0, flying
    return (
        f"{len(readers.answers)} reads and {len(ledger)} writes, each answered at once with 200 or 201; "
        f"{sum(flying)} were in flight when a master was told to end"
    )


def reader(server):
    return lambda clients, _: clients.send(server.port, "/recipe_runs/?limit=100")


def replace(pidfile, log):
    """Start a second master beside the first, and stop the first once the second serves. Return when it was stopped."""
    old, fresh = int(pidfile.read_text()), pidfile.with_name(f"{pidfile.name}.2")
    booted = log.read_text().count("Booting worker")
    os.kill(old, signal.SIGUSR2)
    wait_until(lambda: log.read_text().count("Booting worker") == booted + 2)
    told = time.monotonic()
    os.kill(old, signal.SIGTERM)
    wait_until(lambda: pidfile.exists() and not fresh.exists())
    return told


def seconds_until_ready(server):
    began = time.monotonic()
    wait_until(lambda: ask(server.port, "/recipe_runs/?limit=1").status == 200)
    return time.monotonic() - began


def verify(clients, ledger, url, expected):
    """Check that the database has every acknowledged write exactly once, with the acknowledged id, and nothing else."""
    assert stored(url) == ledger
    assert set(clients.statuses()) <= expected, clients.statuses()
    assert all(answer.headers["Retry-After"] for answer in clients.answers if answer.status == 503)


def summary(clients, ledger):
    return f"{len(ledger)} writes, none lost, none twice; answers {dict(sorted(clients.statuses().items()))}"
