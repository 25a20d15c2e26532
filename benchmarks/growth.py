"""How long an answer takes as the catalogue grows: one client sends one request after the other."""

from datetime import timedelta
from itertools import chain
from statistics import median
from urllib.request import urlopen

import matplotlib as mpl
from matplotlib.figure import Figure

from app.routes.recipe_runs import NEW_RUN
from benchmarks import report
from benchmarks.servers import new_key, started
from tests.support import catalogue
from tests.support.links import links
from tests.support.load import get, post, run

SIZES = (1_000, 10_000, 30_000, 100_000, 1_000_000)
ROUNDS, EACH = 20, 5  # requests of each kind in turn, because the speed of a shared machine varies
NEWEST = 200  # runs of which the oldest are listed
# Each read returns the same number of runs in every catalogue.
READS = {
    "first page": "/recipe_runs/",
    "first page, newest first": "/recipe_runs/?sort=desc",
    "last page": None,
    "filter by feedstock": "/recipe_runs/?feedstock_id=1",
    "filter by status": "/recipe_runs/?status=queued&limit=1",
    "filter by commit": "/recipe_runs/?head_sha=8f14e45fceea167a5a36dedd4bea2543",
    "newest runs, oldest first": "/recipe_runs/?since={late}",
    "filter by time": "/recipe_runs/?started_after=2020-01-01T03:00:00Z&started_before=2020-01-01T06:00:00Z",
    "first page with `count=true`": "/recipe_runs/?count=true",
    "`count=true` with a time": "/recipe_runs/?count=true&limit=1&started_after=2020-01-01T03:00:00Z",
    "one run": "/recipe_runs/500",
    "`/stats/recipe_runs`": "/stats/recipe_runs",
}
# The answers to these have more weeks, builds or datasets in a larger catalogue.
SUMMARIES = {
    "`/stats/overview`": "/stats/overview",
    "`/stats/overview?since=…`": "/stats/overview?since=2020-01-01T05:00:00Z",
    "`/stats/overview?since=…&until=…`": "/stats/overview?since=2020-01-01T05:00:00Z&until=2021-11-20T13:00:00Z",
    "`/stats/overview?feedstock_id=1&bakery_id=1`": "/stats/overview?feedstock_id=1&bakery_id=1",
    "`/stats/failures`": "/stats/failures",
    "`/stats/failures?since=…`": "/stats/failures?since=2020-01-01T05:00:00Z",
    "`/dashboard`": "/dashboard",
    "`/dashboard/feedstocks/1`": "/dashboard/feedstocks/1",
    "`/dashboard/bakeries/1`": "/dashboard/bakeries/1",
    "`/dashboard/datasets`": "/dashboard/datasets",
    "`/datasets/`": "/datasets/",
    "`/datasets/?q=…`": "/datasets/?q=example-1",
    "`/feedstocks/1/datasets`": "/feedstocks/1/datasets",
    "`/feedstocks/1/feed.atom`": "/feedstocks/1/feed.atom",
    "`/feedstocks/1/badge.svg`": "/feedstocks/1/badge.svg",
}
CREATION = "creating a run"
# A plot of each group, because one with all lines would be unreadable.
PLOTS = {"growth.svg": [*READS, CREATION], "growth-summaries.svg": [*SUMMARIES]}


def measure(server):
    """A Markdown table of milliseconds. Writes plots of it beside the document."""
    found = [measure_one(server, size) for size in SIZES]
    names = list(found[0])
    for file, lines in PLOTS.items():
        plot(file, {name: [times[name] for times in found] for name in lines})
    rows = [[name, *(f"{times[name]:.1f}" for times in found)] for name in names]
    head = ["milliseconds for", *(f"{size:,} runs" for size in SIZES)]
    where = f"The median of {ROUNDS * EACH} requests, {EACH} of each kind in turn. {report.machine(server)}"
    plots = "\n".join(f"![The same numbers as lines]({file})" for file in PLOTS)
    return f"{where}\n\n{report.table(head, *rows)}\n{plots}\n"


def measure_one(server, size):
    """The median of milliseconds for each kind of request to a catalogue of `size` runs."""
    with catalogue.runs(server, size) as url, started(url, "service") as servers:
        service = servers["service"]
        late = f"{catalogue.FIRST + timedelta(minutes=size - NEWEST):%Y-%m-%dT%H:%M:%SZ}"
        paths = {name: path and path.format(late=late) for name, path in (READS | SUMMARIES).items()}
        requests = {name: get(path or last_page(service)) for name, path in paths.items()}
        requests[CREATION] = post("/recipe_runs/", NEW_RUN, new_key(service))
        rounds = [{name: durations(service, request) for name, request in requests.items()} for _ in range(ROUNDS)]
    times = {name: 1000 * median(chain(*(found[name] for found in rounds))) for name in requests}
    print(f"{size:,} runs", *(f"{name} {time:.1f}" for name, time in times.items()), sep="  ", flush=True)
    return times


def last_page(service):
    """The path and the query of the last full page, with its cursor."""
    address = f"http://127.0.0.1:{service.port}"
    with urlopen(f"{address}/recipe_runs/?offset=9999999") as response:
        return links(response)["prev"].removeprefix(address)


def durations(service, request):
    """The seconds that each of EACH requests takes."""
    answers = run(service.port, request, connections=1, count=EACH)
    assert {answer.status for answer in answers} <= {200, 201}, request
    return [answer.seconds for answer in answers]


def plot(file, lines):
    # The same numbers produce the same file, and text instead of outlines keeps it small.
    mpl.rcParams.update({"svg.hashsalt": "growth", "svg.fonttype": "none"})
    figure = Figure(figsize=(8, 4.5), layout="constrained")
    axes = figure.subplots()
    axes.set_prop_cycle(color=mpl.colormaps["tab20"].colors)
    for name, times in sorted(lines.items(), key=lambda line: -line[1][-1]):
        axes.loglog(SIZES, times, marker="o", label=name.replace("`", ""))
    axes.set(xlabel="runs", ylabel="milliseconds")
    axes.grid(alpha=0.3)
    figure.legend(loc="outside right upper", frameon=False)
    figure.savefig(report.DOCUMENT.with_name(file), metadata={"Date": None})
