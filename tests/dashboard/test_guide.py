"""The commands of the page with documentation, run against the service that shows it."""

import json
import re
import subprocess
from html import unescape
from urllib.request import urlopen

import pytest

from tests.support.apps import ADMIN_KEY
from tests.support.live import PATIENCE


@pytest.fixture(scope="module")
def commands(own_service):
    """The texts of the page, by their ids."""
    with urlopen(f"{own_service}/dashboard/guide", timeout=PATIENCE) as page:
        text = page.read().decode()
    return {name: unescape(code) for name, code in re.findall(r'id="code-([\w-]+)"[^>]*>([^<]*)</pre>', text)}


def run(command, **variables):
    """The JSON that a command of the shell prints."""
    script = f'curl() {{ command curl -sS --fail-with-body "$@"; }}\n{command}'
    environment = {"PATH": "/usr/bin:/bin", "KEY": ADMIN_KEY, **variables}
    done = subprocess.run(["bash", "-c", script], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize("name", ["find-curl", "follow-curl"])
def test_the_commands_that_read_find_something(commands, name):
    assert run(commands[name]) != []


def test_the_commands_that_report_a_run_create_and_complete_it(commands, own_service):
    created = run(commands["create-curl"])
    changed = run(commands["update-curl"], RUN=str(created["id"]))
    run(f'curl -X DELETE "{own_service}/recipe_runs/{created["id"]}" -H "X-API-Key: $KEY"')
    assert (created["status"], changed["status"], changed["conclusion"]) == ("queued", "completed", "success")


def test_the_program_in_python_is_for_this_service(commands, own_service):
    assert f'forge = Client("{own_service}")' in commands["python"]
    compile(commands["python"], "guide", "exec")
