"""The service against the floor and the comparator: requests per second on the same database, measured in turn."""

import json
import random
from dataclasses import dataclass
from statistics import median

from app.routes.recipe_runs import NEW_RUN
from benchmarks import report
from benchmarks.servers import COMMANDS, commit, new_key, started
from tests.support import catalogue
from tests.support.dyno import ask
from tests.support.load import get, post, rate
from tests.support.memory import resident, worker

# The path of each read, and its goals: ratios of its rate to that of the floor and of the comparator.
READS = {
    "100 runs": ("/recipe_runs/?limit=100", {"floor": 0.60, "comparator": 2.4}),
    "one run, with its bakery and feedstock": ("/recipe_runs/1000", {"floor": 0.60, "comparator": 2.4}),
    "a feedstock with 735 runs": ("/feedstocks/7", {"floor": 0.75, "comparator": 2.4}),
    "a count": ("/stats/recipe_runs", {"floor": 0.60, "comparator": 2.4}),
}
CREATION_GOALS = {"comparator": 1.3}
WITH_GOALS = ("floor", "comparator")
MEMORY_HEAD = ["memory of the worker", "MB", "goal, at most"]
MEMORY_GOAL = 80
WARM_UP = 0.5  # seconds


@dataclass(frozen=True)
class Kind:
    """A kind of request, the goals for it, and the status of its answer."""

    name: str
    goals: dict[str, float]
    request: bytes
    expected: int = 200


def measure(server, rounds, seconds, beside=None):
    """Tables of rates and memory, and a sentence on the machine and data. `beside` is the folder of a checkout."""
    with catalogue.production(server) as url, started(url, *COMMANDS, beside=beside) as servers:
        kinds = [*reads(servers), creation(servers)]
        rows = [head(servers), *(compare(servers, kind, rounds, seconds) for kind in kinds)]
        sizes = resident(worker(servers["service"]))
    data = "The original's production database" if catalogue.DUMP else "A generated catalogue of production's shape"
    where = f"{data}, {rounds} rounds of {seconds:g} seconds. {report.machine(server)}\n"
    if beside:
        where += f"The column `{commit(beside)}` is the service at that commit, from a checkout beside this one.\n"
    memory = [[name, f"{size:.0f}", f"{MEMORY_GOAL}"] for name, size in zip(("RSS", "PSS"), sizes, strict=True)]
    return "\n".join((where, report.table(*rows), report.table(MEMORY_HEAD, *memory)))


def reads(servers):
    """The kinds of reads, after all servers have answered each of them with the same bytes."""
    for name, (path, goals) in READS.items():
        answers = {ask(server, path)[2] for server in servers.values()}
        assert len(answers) == 1, f"the servers answer {path} differently"
        yield Kind(name, goals, get(path))


def creation(servers):
    """The creation of a run, after all servers have created the same run, except for its id and its times."""
    key = new_key(servers["service"])
    headers = {"x_api_key": key, "content_type": "application/json"}
    answers = [ask(server, "/recipe_runs/", "POST", json.dumps(NEW_RUN), **headers) for server in servers.values()]
    varying = {"id": 0, "created_at": "", "updated_at": ""}
    runs = {json.dumps(json.loads(text) | varying) for _, _, text in answers}
    assert len(runs) == 1, "the servers create different runs"
    return Kind("creating a run", CREATION_GOALS, post("/recipe_runs/", NEW_RUN, key), 201)


def head(servers):
    """The head of the table of rates. `compare` returns the rows."""
    names = ["request", *(f"{name}, 1/s" for name in servers)]
    for name in others(servers):
        names += [f"service/{name} (lowest to highest)", *(["goal, at least"] if name in WITH_GOALS else [])]
    return names


def compare(servers, kind, rounds, seconds):
    """Measure the servers in rounds. A row of the medians of their rates and of the ratios in a round."""
    for server in servers.values():
        rate(server.port, kind.request, WARM_UP, kind.expected)
    found = [measure_once(servers, kind, seconds) for _ in range(rounds)]
    row = [kind.name, *(f"{median(rates[name] for rates in found):,.0f}" for name in servers)]
    for name in others(servers):
        ratios = [rates["service"] / rates[name] for rates in found]
        row.append(f"{median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})")
        if name in WITH_GOALS:
            row.append(f"{kind.goals[name]:.2f}" if name in kind.goals else "none")
    print(*row, sep="  ", flush=True)
    return row


def measure_once(servers, kind, seconds):
    """The rates of the servers by name, in random order, so that no server profits from its position."""
    order = random.sample(list(servers), len(servers))
    return {name: rate(servers[name].port, kind.request, seconds, kind.expected) for name in order}


def others(servers):
    """The names of the servers that the service is compared with."""
    return [name for name in servers if name != "service"]
