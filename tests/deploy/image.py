"""The image is built and run for real: `make image`."""

import json
import os
import re
import signal
import subprocess
import time
from contextlib import closing
from http.client import HTTPConnection
from pathlib import Path
from types import SimpleNamespace

import pytest

from tests.support import images, postgres
from tests.support.apps import ADMIN_KEY, environment
from tests.support.dyno import ask, wait_until
from tests.support.live import PATIENCE
from tests.test_heroku import locked

IMAGE = "localhost/pangeo-forge-api:test"
REVISION = "0123456789abcdef0123456789abcdef01234567"
HOME = "srv/pangeo-forge"
FILES = {".venv", "LICENSE", "Procfile", "app", "config.py", "deploy", "gunicorn.conf.py", "migrations"}
FILES |= {"__pycache__", "requirements", "requirements.txt", "wsgi.py"}
HTTPS = {"x_forwarded_proto": "https"}


@pytest.fixture(scope="module")
def container(tmp_path_factory):
    images.require_tools()
    began = time.monotonic()
    images.create_base()
    created = time.monotonic()
    images.build(IMAGE, tmp_path_factory.mktemp("build"), f"--build-arg=REVISION={REVISION}")
    print(f"\nThe base took {created - began:.0f} s, the build {time.monotonic() - created:.0f} s.")
    print(images.buildah("images", "--format", "{{.Name}}:{{.Tag}} {{.Size}}"))
    with images.container(IMAGE) as built:
        yield built
    images.buildah("rmi", IMAGE)
    images.buildah("rmi", "--prune")  # the first stage


@pytest.fixture(scope="module")
def database_url(postgres_server):
    with postgres.database(postgres_server) as url:
        yield url


@pytest.fixture(scope="module")
def settings(database_url):
    """The environment of a container. The port is one of this machine, because the container uses its network."""
    port = postgres.free_port()
    more = {"PANGEO_FORGE_DEPLOYMENT": "test", "REPR_ALLOWED_HOSTS": f"127.0.0.1:{port}", "WEB_CONCURRENCY": "2"}
    return environment(database_url, PORT=str(port), **more)


@pytest.fixture(scope="module")
def released(container, settings):
    """The settings, after the migration of the database. It has the examples, whose datasets the service delivers."""
    for arguments in (["release"], ["flask", "seed", "--address", f"http://127.0.0.1:{settings['PORT']}"]):
        done = images.run(container, *arguments, **settings)
        assert done.returncode == 0, done.stdout
    return settings


@pytest.fixture
def web(container, released, tmp_path):
    """The running service: its `port`, its `pid`, and the `process` that runs the container."""
    with images.started(container, tmp_path / "log", "Booting worker", **released) as started:
        yield SimpleNamespace(port=int(released["PORT"]), **vars(started))


def test_the_image_contains_the_files_of_the_service_only(container):
    assert {path.name for path in (container.folder / HOME).iterdir()} == FILES
    assert [path.name for path in (container.folder / HOME / "deploy").iterdir()] == ["entrypoint"]
    found = {path.name for path in (container.folder / HOME / ".venv" / "bin").iterdir()}
    assert "gunicorn" in found
    assert not {"pip", "pip3", "pytest"} & found
    assert not (container.folder / "etc" / "pip.conf").exists()


def test_the_image_says_where_it_comes_from(container):
    labels, variables = container.config["Labels"], container.config["Env"]
    assert labels["org.opencontainers.image.revision"] == REVISION
    assert labels["org.opencontainers.image.licenses"] == "Apache-2.0"
    assert f"SENTRY_RELEASE={REVISION}" in variables
    assert not [name for name in variables if "KEY" in name or "SALT" in name or "URL" in name]


def test_a_container_runs_as_a_user_who_cannot_change_the_service(container):
    assert container.config["User"] == "10001:10001"
    done = images.run(container, "sh", "-c", "id -u; find . -writable -not -type l | head -3")
    assert (done.stdout, done.returncode) == ("10001\n", 0)


def test_the_service_answers_probes_and_its_health_check(container, web):
    assert ask(web, "/readyz")[0] == 200
    check, *command = container.config["Healthcheck"]["Test"]
    assert check == "CMD"
    assert subprocess.run(images.command(container, *command, PORT=str(web.port))).returncode == 0
    wrong = images.command(container, *command, PORT=str(postgres.free_port()))
    assert subprocess.run(wrong, capture_output=True).returncode == 1


def test_the_service_writes_and_reads(web):
    body = json.dumps({"region": "us-east-1", "name": "in-a-container", "description": ""})
    headers = {"content_type": "application/json", "x_api_key": ADMIN_KEY, **HTTPS}
    status, _, created = ask(web, "/bakeries/", "POST", body=body, **headers)
    assert status == 201
    assert ask(web, f"/bakeries/{json.loads(created)['id']}", **HTTPS)[2] == created.replace("}", ',"recipe_runs":[]}')


def test_term_ends_the_service_after_its_requests(web, database_url):
    with closing(HTTPConnection("127.0.0.1", web.port, timeout=PATIENCE)) as connection:
        with locked(database_url, "bakery"):
            connection.request("GET", "/bakeries/", headers={"X-Forwarded-Proto": "https"})
            wait_until(lambda: postgres.execute(database_url, "SELECT 1 FROM pg_locks WHERE NOT granted"))
            began = time.monotonic()
            os.kill(web.pid, signal.SIGTERM)
        assert connection.getresponse().status == 200
    assert web.process.wait(timeout=PATIENCE) == 0
    print(f"\nThe service ended {time.monotonic() - began:.1f} s after TERM.")


def test_the_server_is_the_first_process_of_the_container(web):
    assert "gunicorn" in Path(f"/proc/{web.pid}/cmdline").read_text()
    workers = wait_until(lambda: len(found := images.children(web.pid)) == 2 and found)
    print(f"\nMemory: {memory(web.pid)} MB for the master, {[memory(pid) for pid in workers]} MB for the workers.")


def memory(pid):
    """Megabytes of the process, where what it shares with others counts in part."""
    text = Path(f"/proc/{pid}/smaps_rollup").read_text()
    return int(text.partition("\nPss:")[2].split()[0]) // 1000


def test_the_regular_jobs_run_while_the_service_runs(container, released, tmp_path):
    plain = released | {"PANGEO_FORGE_DEPLOYMENT": ""}  # so that the service delivers its examples over plain http
    with images.started(container, tmp_path / "log", "Booting worker", **plain):
        daily, hourly = (images.run(container, part, **plain) for part in ("daily", "hourly"))
    assert (daily.returncode, hourly.returncode) == (0, 0), daily.stdout + hourly.stdout
    assert re.search(r"^healthy +[1-9]", hourly.stdout, re.MULTILINE), hourly.stdout


def test_a_missing_setting_ends_a_container_with_one_sentence(container, settings):
    done = images.run(container, "web", **{name: settings[name] for name in settings if name != "ENCRYPTION_SALT"})
    assert done.returncode != 0
    assert done.stdout.startswith("pangeo-forge: ENCRYPTION_SALT is not set: ")
