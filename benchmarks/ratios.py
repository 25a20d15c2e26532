"""The service against the floor: requests per second on the same data, from the same database, in turn."""

import json
from dataclasses import dataclass, field
from statistics import median

from benchmarks import report
from benchmarks.servers import new_key, production, started
from tests import catalogue
from tests.dyno import ask
from tests.load import get, post, rate
from tests.memory import resident, worker

READS = {
    "100 runs": ("/recipe_runs/?limit=100", 0.60),
    "one run, with its bakery and feedstock": ("/recipe_runs/1000", 0.60),
    "a feedstock with 735 runs": ("/feedstocks/7", 0.75),
    "a count": ("/stats/recipe_runs", 0.60),
}
CREATION = ("creating a run", 0.50)
NEW_RUN = {
    "recipe_id": "gpcp-from-gcs",
    "bakery_id": 1,
    "feedstock_id": 7,
    "head_sha": "35d889f7c89e9f0d72353a0649ed1cd8da04826b",
    "version": "1.0",
    "started_at": "2022-03-03T02:29:54Z",
}
HEAD = ["request", "floor, 1/s", "service, 1/s", "service/floor", "lowest to highest", "goal"]
MEMORY_HEAD = ["memory of the worker", "MB", "goal"]
MEMORY_GOAL = "80"
WARM_UP = 0.5  # seconds


@dataclass
class Ratio:
    """What was measured of one kind of request: answers per second, a number each round."""

    name: str
    goal: float
    floor: list[float] = field(default_factory=list)
    service: list[float] = field(default_factory=list)

    def row(self):
        ratios = [service / floor for service, floor in zip(self.service, self.floor, strict=True)]
        spread = f"{min(ratios):.2f} to {max(ratios):.2f}"
        rates = [f"{median(self.floor):,.0f}", f"{median(self.service):,.0f}"]
        return [self.name, *rates, f"{median(ratios):.2f}", spread, f"{self.goal:.2f}"]


def measure(server, rounds, seconds):
    """Two tables, of ratios and of memory, with what they were measured on."""
    with production(server) as url, started(url, "floor", "service") as servers:
        ratios = [compare(servers, name, get(path), goal, rounds, seconds) for name, (path, goal) in equal(servers)]
        name, goal = CREATION
        creation = post("/recipe_runs/", NEW_RUN, equal_creation(servers))
        ratios.append(compare(servers, name, creation, goal, rounds, seconds, expected=201))
        memory = resident(worker(servers["service"]))
    data = "The original's production database" if catalogue.DUMP else "A made-up catalogue of production's shape"
    where = f"{data}, {rounds} rounds of {seconds:g} seconds. {report.machine(server)}"
    speed = report.table(HEAD, *(ratio.row() for ratio in ratios))
    sizes = report.table(
        MEMORY_HEAD, *zip(("RSS", "PSS"), map("{:.0f}".format, memory), [MEMORY_GOAL] * 2, strict=True)
    )
    return f"{where}\n\n{speed}\n{sizes}"


def equal(servers):
    """READS, once the floor and the service have answered each of them with the same bytes."""
    for path, _ in READS.values():
        floor, service = (ask(servers[name], path)[2] for name in ("floor", "service"))
        assert floor == service, f"the floor and the service answer {path} differently"
    return READS.items()


def equal_creation(servers):
    """A key, once the floor and the service have created the same run with it, but for its id and the time."""
    key = new_key(servers["service"])
    headers = {"x_api_key": key, "content_type": "application/json"}
    answers = [ask(server, "/recipe_runs/", "POST", json.dumps(NEW_RUN), **headers) for server in servers.values()]
    varying = {"id": 0, "created_at": "", "updated_at": ""}
    floor, service = (list((json.loads(text) | varying).items()) for _, _, text in answers)
    assert floor == service, "the floor and the service create different runs"
    return key


def compare(servers, name, request, goal, rounds, seconds, expected=200):
    """Rounds in which the floor and the service are measured one after the other."""
    ratio = Ratio(name, goal)
    for server in servers.values():
        rate(server.port, request, WARM_UP, expected)
    for _ in range(rounds):
        ratio.floor.append(rate(servers["floor"].port, request, seconds, expected))
        ratio.service.append(rate(servers["service"].port, request, seconds, expected))
    print(*ratio.row(), sep="  ", flush=True)
    return ratio
