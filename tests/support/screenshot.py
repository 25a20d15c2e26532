"""Takes docs/images/dashboard.png, the picture in the README: the overview of the example catalogue."""

import os
import tempfile

from tests.support import live
from tests.support.apps import environment
from tests.support.chromium import chromium
from tests.support.postgres import free_port

PICTURE = live.ROOT / "docs/images/dashboard.png"
SIZE = {"width": 1200, "height": 1040}


def take():
    """Start a service as `make run` does, and write the picture of the upper part of its overview."""
    with tempfile.TemporaryDirectory() as folder:
        port = free_port()
        env = os.environ | environment(f"sqlite:///{folder}/examples.sqlite", REPR_ALLOWED_HOSTS=f"127.0.0.1:{port}")
        for command in (["db", "upgrade"], ["seed", "--address", f"http://127.0.0.1:{port}"]):
            assert live.flask(env, *command).returncode == 0
        with live.server(env, port) as address, chromium() as browser:
            page = browser.new_page(viewport=SIZE, color_scheme="light", reduced_motion="reduce")
            page.goto(f"{address}/dashboard")
            page.screenshot(path=PICTURE)


if __name__ == "__main__":
    take()
