"""Sentry and OpenTelemetry are imported only if they are configured, and never receive secrets."""

import gzip
import json
import subprocess
import sys
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from types import SimpleNamespace

import pytest

from app.keys import new_key
from config import ConfigError
from tests.support import live
from tests.support.apps import ADMIN_KEY, environment, make_app

ASKED = [
    ({"SENTRY_DSN": "https://key@sentry.invalid/1"}, "sentry_sdk", "requirements/sentry.txt"),
    (
        {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1"},
        "opentelemetry.instrumentation.flask",
        "requirements/otel.txt",
    ),
]

# Each test runs the program in a separate process, because these libraries modify their process.
PROGRAM = """
import sys
from app.ops import telemetry
from tests.support.apps import ADMIN_KEY
from wsgi import app

telemetry.export(app)
app.view_functions["probes.healthz"] = lambda: 1 / 0
headers = {"X-API-Key": ADMIN_KEY, "Authorization": "Bearer " + ADMIN_KEY}
status = app.test_client().get("/healthz?token=hunter2", json={"token": "hunter3"}, headers=headers).status_code
app.view_functions["api-keys.get_api_key"] = lambda **_: 1 / 0
for path in sys.stdin.read().split():
    app.test_client().get(path)
print(status, sorted(name for name in ("sentry_sdk", "opentelemetry") if name in sys.modules))
"""


@contextmanager
def collector():
    """A server that accepts any data: its `address`, and the `received` data as pairs of path and bytes."""
    received = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            received.append((self.path, gzip.decompress(body) if self.headers["Content-Encoding"] == "gzip" else body))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_):
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield SimpleNamespace(address=f"127.0.0.1:{server.server_port}", received=received)
        finally:
            server.shutdown()


def run(*paths, **more):
    """Run the program, which requests `paths` too, until its telemetry is sent. Return its output."""
    env = environment("sqlite:///never-opened.sqlite", **more)
    ended = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        input="\n".join(paths),
        cwd=live.ROOT,
        env=env,
        capture_output=True,
        text=True,
        timeout=live.PATIENCE,
    )
    assert ended.returncode == 0, ended.stderr
    return ended.stdout.strip()


@pytest.mark.parametrize(("variable", "module", "file"), ASKED)
def test_a_missing_extra_is_one_sentence_at_boot(monkeypatch, variable, module, file):
    monkeypatch.setitem(sys.modules, module, None)  # as if it were not installed
    with pytest.raises(ConfigError) as raised:
        make_app("sqlite:///never-opened.sqlite", **variable)
    assert str(raised.value) == f"{next(iter(variable))} is set but {module} is not installed: pip install -r {file}."


def test_telemetry_is_not_imported_unless_configured():
    assert run() == "500 []"


@pytest.fixture(scope="module")
def key():
    """A key that a client has sent as an id by mistake."""
    return new_key()


@pytest.fixture(scope="module")
def sentry(key):
    """What the program prints, and the pairs of path and bytes that Sentry receives from it."""
    with collector() as server:
        printed = run(f"/api-keys/{key}", f"/nope/{key}", SENTRY_DSN=f"http://public@{server.address}/1")
    return printed, server.received


@pytest.fixture(scope="module")
def traces(key):
    """The same of a collector of OpenTelemetry."""
    with collector() as server:
        printed = run(f"/api-keys/{key}", f"/nope/{key}", OTEL_EXPORTER_OTLP_ENDPOINT=f"http://{server.address}")
    return printed, server.received


def test_sentry_receives_a_bug_without_key_query_or_body(sentry):
    printed, received = sentry
    assert printed.startswith("500 ")
    (path, envelope), _ = [item for item in received if b'"type":"event"' in item[1]]  # the other is of the key
    event = json.loads(envelope.splitlines()[2])
    assert path == "/api/1/envelope/"
    assert event["exception"]["values"][0]["type"] == "ZeroDivisionError"
    assert event["request"] == {"method": "GET", "url": "http://localhost/healthz"}
    sent = b"".join(data for _, data in received).decode()
    for secret in (ADMIN_KEY, "hunter2", "hunter3"):
        assert secret not in sent


def test_a_collector_receives_the_route_without_key_or_body(traces):
    printed, ((path, spans),) = traces
    assert printed == "500 ['opentelemetry']"
    assert path == "/v1/traces"
    assert b"GET /healthz" in spans
    for secret in (ADMIN_KEY, "hunter2", "hunter3"):
        assert secret.encode() not in spans


@pytest.mark.parametrize("received_by", ["sentry", "traces"])
def test_telemetry_masks_a_key_that_was_sent_as_an_id(request, key, received_by):
    _, received = request.getfixturevalue(received_by)
    sent = b"".join(data for _, data in received).decode(errors="replace")
    assert "/api-keys/pfk_***" in sent
    assert key not in sent
