"""A fleet of three instances, under one fault after another. docs/operating/fleet.md has the table that it prints."""

import json
import shutil
import time
from collections import Counter
from http.client import IncompleteRead
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

from tests.chaos import fleet_clients as clients
from tests.chaos import fleet_parts as parts
from tests.chaos.service import Clients, ask
from tests.support import dyno, live, postgres
from tests.support.databases import HEAD
from tests.support.dyno import wait_until
from tests.test_heroku import PROCESSES

CALM = 2  # seconds at the end of a phase, after all instances are ready
UNNOTICED = 1  # second until an operator or a program notices that a server is gone
EXCLUDED = 2  # seconds for which nginx goes on without an instance that has failed, at most
FROZEN = 14  # seconds; after 11, the service no longer waits for a commit
RELEASE = ("app", "migrations", "config.py", "gunicorn.conf.py", "wsgi.py")
MIGRATION = f'''
import sqlalchemy as sa
from alembic import op

revision = "9999_newer"
down_revision = "{HEAD}"


def upgrade():
    op.add_column("reciperun", sa.Column("newer", sa.String()))
'''
PROBLEM = "application/problem+json"
HEADINGS = (
    *("phase", "requests", "2xx", "503", "409, 412", "other", "cut off", "longest gap of reads, writes"),
    *("recovered after", "acknowledged writes", "lost", "doubled"),
)


class Phase(NamedTuple):
    """When a phase began and ended, and when its last fault was repaired. It may fail `patience` seconds longer."""

    name: str
    patience: float
    began: float
    repaired: float
    ended: float
    cut_off: int  # answers of which only the head arrived

    def has(self, time):
        return self.began <= time < self.ended


def fleet(_cluster, _url, folder):
    """Three instances behind nginx, PgBouncer, a synchronous standby and Valkey, under 8 writers and 8 readers"""
    ledger = []
    with parts.fleet(folder) as found:
        reads = Clients(clients.READERS, clients.reader(found, ledger))
        writes = Clients(clients.WRITERS, clients.writer(found, ledger))
        with reads, writes:
            phases = [run(act, patience, found, (reads, writes)) for act, patience in PHASES.items()]
        count = json.loads(ask(found.port, "/stats/recipe_runs").text)["count"]
        lost, doubled = clients.lost_and_doubled(found.pooler.url, ledger)
    rows = [row(phase, reads.answers, writes.answers, ledger, lost, doubled) for phase in phases]
    print(*(f"| {' | '.join(map(str, cells))} |" for cells in (HEADINGS, ["---"] * len(HEADINGS), *rows)), sep="\n")
    assert all(isinstance(error, IncompleteRead) for error in reads.broken + writes.broken)
    assert set(reads.statuses()) <= {200, 503}
    refused = [answer.headers for answer in reads.answers + writes.answers if answer.status == 503]
    assert all(headers["Retry-After"] and headers["Content-Type"] == PROBLEM for headers in refused)
    assert not lost + doubled, (lost, doubled)
    assert count == len({write.recipe_id for write in ledger})
    counter = Path(parts.VALKEY).name
    return f"{len(ledger)} acknowledged writes, none lost, none doubled; limits counted together in {counter}"


def run(act, patience, found, everyone):
    """Run a phase: `act` breaks a part and repairs it. The rest of the fleet recovers without help."""
    began, broken = time.monotonic(), sum(len(own.broken) for own in everyone)
    act(found)
    repaired = time.monotonic()
    wait_until(lambda: all(instance.is_ready() for instance in found.instances))
    time.sleep(CALM)
    cut_off = sum(len(own.broken) for own in everyone) - broken
    return Phase(act.__doc__, patience, began, repaired, time.monotonic(), cut_off)


def no_fault(found):
    """no fault"""
    assert clients.exceed_limit(found) == {422: parts.LIMIT, 429: clients.BEYOND}


def instances_killed(found):
    """instances killed: one, then two at once"""
    first, *others = found.instances
    for killed in ([first], others):
        for instance in killed:
            instance.kill()
        time.sleep(UNNOTICED)
        for instance in killed:
            instance.start()
        for instance in killed:
            instance.wait()
        time.sleep(EXCLUDED)


def upgraded(found):
    """rolling upgrade"""
    tree = newer_release(found.folder / "newer")
    done = dyno.run(PROCESSES["release"], found.environment(), tree)
    assert done.returncode == 0, done.stdout + done.stderr
    for instance in found.instances:
        instance.stop()
        instance.start(tree)
        instance.wait()
        time.sleep(EXCLUDED)


def newer_release(tree):
    """A copy of the service with one more migration, which the release that serves does not know."""
    tree.mkdir()
    for name in RELEASE:
        source = live.ROOT / name
        if source.is_dir():
            shutil.copytree(source, tree / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, tree)
    (tree / "migrations" / "versions" / "9999_newer.py").write_text(MIGRATION)
    return tree


def standby_frozen(found):
    """standby frozen for 14 s"""
    found.standby.freeze()
    time.sleep(FROZEN)
    found.standby.thaw()


def failed_over(found):
    """primary killed, standby promoted"""
    found.primary.crash()
    time.sleep(UNNOTICED)
    postgres.execute(found.standby.url, "SELECT pg_promote()")
    found.pooler.write_settings(found.standby.url.set(database=found.database))
    found.pooler.reload()


def valkey_restarted(found):
    """Valkey frozen, killed, restarted"""
    found.valkey.freeze()
    time.sleep(UNNOTICED)
    found.valkey.kill()
    assert clients.exceed_limit(found) == {422: parts.LIMIT + clients.BEYOND}
    found.valkey.start()
    assert clients.exceed_limit(found) == {422: parts.LIMIT, 429: clients.BEYOND}


def pooler_restarted(found):
    """PgBouncer restarts"""
    found.pooler.stop()
    time.sleep(UNNOTICED)
    found.pooler.start()


# Each with the seconds within which the last request must fail after the repair. PgBouncer tries to connect to a server
# that has failed only every 15 seconds.
PHASES = {
    no_fault: 0,
    instances_killed: 5,
    upgraded: 5,
    standby_frozen: 5,
    failed_over: 20,
    valkey_restarted: 0,
    pooler_restarted: 5,
}


def row(phase, reads, writes, ledger, lost, doubled):
    """The cells of a phase. Raises AssertionError if the fleet took too long to recover."""
    answers = [answer for answer in reads + writes if phase.has(ended(answer))]
    found = Counter(answer.status for answer in answers)
    good, retried = sum(found[status] for status in (200, 201)), found[409] + found[412]
    recovered = max((ended(answer) - phase.repaired for answer in answers if answer.status == 503), default=0)
    assert recovered <= phase.patience, (phase.name, recovered)
    assert not phase.cut_off or phase.name == instances_killed.__doc__
    gaps = ", ".join(f"{longest_gap(phase, kind):.1f} s" for kind in (reads, writes))
    own = [[write for write in kind if phase.has(write.at)] for kind in (ledger, lost, doubled)]
    counts = [len(answers) + phase.cut_off, good, found[503], retried, len(answers) - good - found[503] - retried]
    return [phase.name, *counts, phase.cut_off, gaps, f"{max(recovered, 0):.1f} s", *map(len, own)]


def ended(answer):
    return answer.began + answer.seconds


def longest_gap(phase, answers):
    """The longest time of the phase, in seconds, in which no client got a good answer."""
    good = sorted(ended(answer) for answer in answers if answer.status in (200, 201) and phase.has(ended(answer)))
    times = [phase.began, *good, phase.ended]
    return max(after - before for before, after in pairwise(times))
