"""What is measured: the service, and the floor it is held against, in threads, in greenlets, and there behind Flask."""

import json
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.conftest import ADMIN_KEY, environment
from tests.support.dyno import ask, dyno, serving
from tests.support.live import ROOT

COMMANDS = {
    "floor": "exec gunicorn -c benchmarks/serve_floor.py benchmarks.floor:application",
    "greenlets": "exec gunicorn -c benchmarks/serve_greenlets.py benchmarks.floor:application",
    "flask": "exec gunicorn -c benchmarks/serve_greenlets.py benchmarks.flask_floor:application",
    "service": "exec gunicorn wsgi:app",
}


@contextmanager
def started(url, *names):
    """Servers by name, each with one worker, up when the first request has been answered."""
    env = environment(url, PYTHONPATH=str(ROOT))
    with TemporaryDirectory(prefix="bench-") as folder, ExitStack() as stack:
        found = {
            name: stack.enter_context(
                serving(
                    COMMANDS[name],
                    dyno(env, WEB_CONCURRENCY="1", GUNICORN_CMD_ARGS="", RATELIMIT_WRITES="99999999/second"),
                    ROOT,
                    Path(folder, f"{name}.log"),
                )
            )
            for name in names
        }
        yield found


def new_key(service):
    """A key that may write and is in the table of keys, as the key of the configuration is not."""
    headers = {"x_api_key": ADMIN_KEY, "content_type": "application/json"}
    status, _, text = ask(service, "/api-keys", "POST", json.dumps({"is_admin": False}), **headers)
    assert status in (200, 201), text
    return json.loads(text)["key"]
