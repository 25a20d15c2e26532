"""The service under test, and clients that record every answer."""

import http.client
import json
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from types import SimpleNamespace
from uuid import uuid4

from tests.support import live, postgres
from tests.support.apps import ADMIN_KEY, environment
from tests.support.databases import application
from tests.support.dyno import dyno, serving
from tests.support.factories import make_bakery, make_feedstock, run_body

COMMAND = "exec gunicorn wsgi:app"
# The rate limit must not interfere with the test.
SETTINGS = {"PROXY_COUNT": "0", "WEB_CONCURRENCY": "2", "RATELIMIT_WRITES": "99999999/second"}


@contextmanager
def service(url, folder, command=COMMAND, **settings):
    """gunicorn on a migrated database with a bakery and a feedstock. `body` is a request body that creates a run."""
    env = dyno(environment(url), **SETTINGS | settings)
    assert live.flask(env, "db", "upgrade").returncode == 0
    with application(url) as app:
        body = run_body(app, bakery_id=make_bakery(app).id, feedstock_id=make_feedstock(app).id)
    with serving(command, env, live.ROOT, folder / "log") as server:
        server.body = body
        yield server


def ask(port, path, method="GET", body=None, headers=(), timeout=live.PATIENCE):
    """Send a request and return its answer, with the time when it `began` and its duration in `seconds`.

    Raises OSError or HTTPException if the connection breaks.
    """
    began = time.monotonic()
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=timeout)) as connection:
        connection.request(method, path, body, dict(headers))
        response = connection.getresponse()
        text = response.read()
    headers, seconds = response.headers, time.monotonic() - began
    return SimpleNamespace(status=response.status, headers=headers, text=text, began=began, seconds=seconds)


class Clients:
    """Threads that repeat a request until the `with` ends.

    `answers` has all answers, `broken` the errors of connections that broke. Other exceptions are raised at the end.
    """

    def __init__(self, count, act):
        self.answers, self.broken, self._stop = [], [], threading.Event()
        self._pool, self._calls = ThreadPoolExecutor(count), [(number, act) for number in range(count)]

    def _work(self, number, act):
        number_of_request = 0
        while not self._stop.is_set():
            act(self, f"{number}-{number_of_request}")
            number_of_request += 1

    def send(self, *args, **kwargs):
        """The answer, or None if the connection broke."""
        try:
            answer = ask(*args, **kwargs)
        except (OSError, http.client.HTTPException) as error:
            self.broken.append(error)
            return None
        self.answers.append(answer)
        return answer

    def statuses(self):
        return Counter(answer.status for answer in self.answers)

    def __enter__(self):
        self._working = [self._pool.submit(self._work, *call) for call in self._calls]
        return self

    def __exit__(self, *_):
        self._stop.set()
        for working in self._working:
            working.result()


def writer(server, ledger):
    """A client that creates a run, repeats the request with its Idempotency-Key until it is acknowledged, and
    records the id in `ledger`.
    """

    def write(clients, name):
        body = json.dumps(server.body | {"recipe_id": name})
        headers = {"X-API-Key": ADMIN_KEY, "Idempotency-Key": str(uuid4()), "Content-Type": "application/json"}
        while True:
            answer = clients.send(server.port, "/recipe_runs/", "POST", body, headers)
            if answer and answer.status == 201:
                ledger[name] = json.loads(answer.text)["id"]
                return
            time.sleep(0.05)

    return write


def stored(url):
    """The ids of the runs in the database, by recipe id."""
    rows = postgres.execute(url, "SELECT recipe_id, id FROM reciperun")
    assert len(rows) == len(dict(rows)), "a run is stored twice"
    return dict(rows)
