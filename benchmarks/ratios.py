"""The service against the floor: requests per second on the same data, from the same database, in turn."""

import json
from dataclasses import dataclass
from statistics import median

from app.routes.recipe_runs import NEW_RUN
from benchmarks import report
from benchmarks.servers import COMMANDS, new_key, started
from tests.support import catalogue
from tests.support.dyno import ask
from tests.support.load import get, post, rate
from tests.support.memory import resident, worker

READS = {
    "100 runs": ("/recipe_runs/?limit=100", 0.60),
    "one run, with its bakery and feedstock": ("/recipe_runs/1000", 0.60),
    "a feedstock with 735 runs": ("/feedstocks/7", 0.75),
    "a count": ("/stats/recipe_runs", 0.60),
}
CREATION_GOAL = 0.50
HEAD = ["request", "floor, 1/s", "greenlets, 1/s", "Flask, 1/s", "service, 1/s"]
HEAD += ["greenlets/floor", "Flask/floor", "service/floor", "lowest to highest", "goal, at least"]
MEMORY_HEAD = ["memory of the worker", "MB", "goal, at most"]
MEMORY_GOAL = 80
WARM_UP = 0.5  # seconds


@dataclass(frozen=True)
class Kind:
    """A kind of request, the status it is answered with, and the ratio to reach."""

    name: str
    goal: float
    request: bytes
    expected: int = 200


def measure(server, rounds, seconds):
    """Two tables, of ratios and of memory, with what they were measured on."""
    with catalogue.production(server) as url, started(url, *COMMANDS) as servers:
        kinds = [*reads(servers), creation(servers)]
        ratios = [compare(servers, kind, rounds, seconds) for kind in kinds]
        sizes = resident(worker(servers["service"]))
    data = "The original's production database" if catalogue.DUMP else "A made-up catalogue of production's shape"
    where = f"{data}, {rounds} rounds of {seconds:g} seconds. {report.machine(server)}\n"
    memory = [[name, f"{size:.0f}", f"{MEMORY_GOAL}"] for name, size in zip(("RSS", "PSS"), sizes, strict=True)]
    return "\n".join((where, report.table(HEAD, *ratios), report.table(MEMORY_HEAD, *memory)))


def reads(servers):
    """What is read, once all have answered with the same bytes."""
    for name, (path, goal) in READS.items():
        answers = {ask(server, path)[2] for server in servers.values()}
        assert len(answers) == 1, f"the floor and the service answer {path} differently"
        yield Kind(name, goal, get(path))


def creation(servers):
    """What is created, once all have made the same of it, but for the id and the time."""
    key = new_key(servers["service"])
    headers = {"x_api_key": key, "content_type": "application/json"}
    answers = [ask(server, "/recipe_runs/", "POST", json.dumps(NEW_RUN), **headers) for server in servers.values()]
    varying = {"id": 0, "created_at": "", "updated_at": ""}
    runs = {json.dumps(json.loads(text) | varying) for _, _, text in answers}
    assert len(runs) == 1, "the floor and the service create different runs"
    return Kind("creating a run", CREATION_GOAL, post("/recipe_runs/", NEW_RUN, key), 201)


def compare(servers, kind, rounds, seconds):
    """Rounds in which the servers are measured one after the other, as a row of the table."""
    for server in servers.values():
        rate(server.port, kind.request, WARM_UP, kind.expected)
    found = [
        [rate(server.port, kind.request, seconds, kind.expected) for server in servers.values()] for _ in range(rounds)
    ]
    rates = [f"{median(column):,.0f}" for column in zip(*found, strict=True)]
    ratios = [*zip(*([rate / floor for rate in others] for floor, *others in found), strict=True)]
    row = [kind.name, *rates, *(f"{median(column):.2f}" for column in ratios)]
    row += [f"{min(ratios[-1]):.2f} to {max(ratios[-1]):.2f}", f"{kind.goal:.2f}"]
    print(*row, sep="  ", flush=True)
    return row
