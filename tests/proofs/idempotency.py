"""Writers that retry with an Idempotency-Key create each run exactly once, even if workers are killed."""

import json
import os
import random
import signal
import subprocess
import threading
import time
import urllib.error
import urllib.request
from collections import Counter
from uuid import uuid4

from tests.support import live
from tests.support.apps import ADMIN_KEY, environment, make_app
from tests.support.factories import make_bakery, make_feedstock, run_body

WRITERS, KILLS = 4, 20


def post_until_created(address, body):
    """Send `body` with one Idempotency-Key until the answer is 201. Return the number of attempts."""
    headers = {"X-API-Key": ADMIN_KEY, "Idempotency-Key": str(uuid4()), "Content-Type": "application/json"}
    for attempt in range(1, 200):
        request = urllib.request.Request(f"{address}/recipe_runs/", json.dumps(body).encode(), headers)
        try:
            with urllib.request.urlopen(request, timeout=live.PATIENCE) as response:
                assert response.status == 201
                return attempt
        except urllib.error.HTTPError as error:
            if error.code not in (409, 503):
                raise
        except OSError:  # the worker was killed, and its connection is closed
            pass
        time.sleep(0.02 * attempt)
    raise AssertionError("never created")


def write(address, body, number, stop, sent):
    """Create runs with different recipe ids, one after the other, until `stop` is set."""
    for count in range(100_000):
        if stop.is_set():
            return
        name = f"writer-{number}-run-{count}"
        sent[name] = post_until_created(address, body | {"recipe_id": name})


def workers_of(address):
    """The process ids of the workers of the server at `address`."""
    port = address.rpartition(":")[2]
    found = subprocess.run(["pgrep", "-f", f"127.0.0.1:{port} wsgi:app"], capture_output=True, text=True, check=True)
    return sorted(map(int, found.stdout.split()))[1:]  # the first is the master


def test_each_run_is_created_exactly_once_through_twenty_worker_kills(empty_url):
    env = environment(empty_url, WEB_CONCURRENCY="2")
    assert live.flask(env, "db", "upgrade").returncode == 0
    app = make_app(empty_url)
    body = run_body(app, bakery_id=make_bakery(app).id, feedstock_id=make_feedstock(app).id)
    stop, sent = threading.Event(), {}
    with live.server(env) as address:
        threads = [threading.Thread(target=write, args=(address, body, n, stop, sent)) for n in range(WRITERS)]
        for thread in threads:
            thread.start()
        for _ in range(KILLS):
            time.sleep(random.uniform(0.2, 0.6))
            if workers := workers_of(address):
                os.kill(random.choice(workers), signal.SIGKILL)
        stop.set()
        for thread in threads:
            thread.join()
        stored = Counter(run["recipe_id"] for run in all_runs(address))
    print(f"{len(sent)} runs, {sum(sent.values())} requests, {KILLS} kills")
    assert stored == Counter(sent.keys())
    assert sum(sent.values()) > len(sent), "no request was ever repeated: the kills hit nothing"


def all_runs(address):
    runs, offset = [], 0
    while True:
        with urllib.request.urlopen(
            f"{address}/recipe_runs/?limit=1000&offset={offset}", timeout=live.PATIENCE
        ) as response:
            page = json.load(response)
        if not page:
            return runs
        runs, offset = runs + page, offset + 1000
