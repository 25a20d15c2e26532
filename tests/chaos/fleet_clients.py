"""The clients of a fleet: writers that repeat a write until it is acknowledged, readers, and one beyond its limit."""

import json
import random
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import NamedTuple
from uuid import uuid4

from tests.chaos.fleet_parts import LIMIT
from tests.chaos.service import ask
from tests.support import live, postgres
from tests.support.apps import ADMIN_KEY

WRITERS = READERS = 8
PAUSE = 0.15  # seconds after each answer, so that writers stay below their limits
BEYOND = 40  # writes beyond the limit
CHANGES = (
    {"status": "in_progress"},
    {"status": "completed", "conclusion": "success", "completed_at": "2022-03-03T03:00:00Z"},
)
HISTORY = """
SELECT recipe_id, run.id, after ->> 'status', count(*)
FROM reciperun run JOIN reciperun_event ON recipe_run_id = run.id GROUP BY 1, 2, 3
"""


class Write(NamedTuple):
    """An acknowledged write, which gave the run this status. `at` is the time of the answer."""

    recipe_id: str
    run_id: int
    status: str
    at: float


def new_key(port):
    headers = {"X-API-Key": ADMIN_KEY, "Content-Type": "application/json"}
    return json.loads(ask(port, "/api-keys", "POST", "{}", headers).text)["key"]


def writer(fleet, ledger):
    """A client that creates a run, starts it, completes it, and adds each acknowledged write to `ledger`."""
    keys = [new_key(fleet.port) for _ in range(WRITERS)]

    def write(clients, name):
        number = int(name.partition("-")[0])
        attempt = partial(send_once, clients, fleet.port, keys[number])
        run_id = create(attempt, json.dumps(fleet.body | {"recipe_id": name}))
        ledger.append(Write(name, run_id, "queued", time.monotonic()))
        for fields in CHANGES:
            change(attempt, f"/recipe_runs/{run_id}", fields)
            ledger.append(Write(name, run_id, fields["status"], time.monotonic()))

    return write


def send_once(clients, port, key, method, path, body=None, *, expected, **headers):
    """The answer, or None if the connection broke. Any status that is not `expected` is a fault of the service."""
    headers |= {"X-API-Key": key, "Content-Type": "application/json"}
    answer = clients.send(port, path, method, body, headers)
    assert answer is None or answer.status in expected, (method, path, answer.status, answer.text)
    time.sleep(PAUSE)
    return answer


def create(attempt, body):
    """Repeat a POST with its Idempotency-Key until it is acknowledged. Return the id of the run."""
    headers, deadline = {"Idempotency-Key": str(uuid4())}, time.monotonic() + live.PATIENCE
    while time.monotonic() < deadline:
        answer = attempt("POST", "/recipe_runs/", body, expected={201, 409, 503}, **headers)
        if answer and answer.status == 201:
            return json.loads(answer.text)["id"]
    raise TimeoutError("a run was not created")


def change(attempt, path, fields):
    """Repeat a PATCH with If-Match until it is acknowledged, or a GET shows that one without an answer was done."""
    deadline = time.monotonic() + live.PATIENCE
    while time.monotonic() < deadline:
        found = attempt("GET", path, expected={200, 503})
        if not found or found.status == 503:
            continue
        if json.loads(found.text)["status"] == fields["status"]:
            return
        headers = {"If-Match": found.headers["ETag"]}
        answer = attempt("PATCH", path, json.dumps(fields), expected={200, 412, 503}, **headers)
        if answer and answer.status == 200:
            return
    raise TimeoutError(f"{path} was not changed")


def reader(fleet, ledger):
    """A client that reads lists, counts and runs, among them some that were created a moment ago."""

    def read(clients, _name):
        paths = ["/recipe_runs/?limit=20", "/stats/recipe_runs", "/bakeries/"]
        paths += [f"/recipe_runs/{write.run_id}" for write in ledger[-5:]]
        clients.send(fleet.port, random.choice(paths))
        time.sleep(PAUSE / 3)

    return read


def exceed_limit(fleet):
    """Send more writes than allowed with a new key, to each instance in turn. Return how often each status came.

    The body is not valid, so that a write that is allowed is answered 422, and is counted nevertheless.
    """
    headers = {"X-API-Key": new_key(fleet.port), "Content-Type": "application/json"}
    ports = [instance.port for instance in fleet.instances]

    def write(number):
        return ask(ports[number % len(ports)], "/feedstocks/", "POST", "{}", headers).status

    with ThreadPoolExecutor(WRITERS) as pool:
        return Counter(pool.map(write, range(LIMIT + BEYOND)))


def lost_and_doubled(url, ledger):
    """The acknowledged writes that the history of runs does not have, and those that it has more than once."""
    history = Counter({row[:3]: row[3] for row in postgres.execute(url, HISTORY)})
    ids = Counter(recipe_id for recipe_id, _, status in history if status == "queued")
    lost = [write for write in ledger if not history[write[:3]]]
    doubled = [write for write in ledger if history[write[:3]] > 1 or ids[write.recipe_id] > 1]
    return lost, doubled
