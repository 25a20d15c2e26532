"""The summary of a test run names the reasons of all skipped tests."""

import subprocess
from types import SimpleNamespace

import pytest

from tests.conftest import not_tested
from tests.support.chromium import NO_BROWSER
from tests.support.live import ROOT


def skipped(reason):
    return SimpleNamespace(longrepr=("tests/test_x.py", 1, f"Skipped: {reason}"))


def test_each_reason_is_a_line_with_the_number_of_tests():
    assert not_tested([skipped("there is no dump"), skipped(NO_BROWSER), skipped(NO_BROWSER)]) == [
        "NOT TESTED: 2 tests, because there is no Chromium on this machine",
        "NOT TESTED: 1 tests, because there is no dump",
    ]


def test_ci_installs_the_programs_and_the_clients_that_tests_need():
    commands = (ROOT / ".ci" / "run").read_text()
    assert "\nmake programs || echo" in commands
    assert all(f"\nmake {target} || echo" in commands for target in ("clients", "validators"))


PACKAGES = {"chromium-headless-shell", "redis-server", "pgbouncer", "shellcheck", "npm", "jq", "prometheus"}
PACKAGES |= {"nginx", "caddy", "buildah", "debootstrap"}


@pytest.mark.parametrize(("present", "missing"), [((), PACKAGES), (("google-chrome", "npm"), PACKAGES - {"npm"})])
def test_only_missing_programs_are_installed(tmp_path, present, missing):
    fakes = {"id": "echo 0", "apt-get": 'echo "$*" >> log', **dict.fromkeys(present, "true")}
    for name, line in fakes.items():
        (tmp_path / name).write_text(f"#!/bin/bash\n{line}\n")
        (tmp_path / name).chmod(0o755)
    command = ["/bin/bash", ROOT / ".ci" / "programs"]
    subprocess.run(command, cwd=tmp_path, env={"PATH": str(tmp_path)}, check=True)
    installed = {line.split()[-1] for line in (tmp_path / "log").read_text().splitlines() if line.startswith("install")}
    assert installed == missing - ({"chromium-headless-shell"} if present else set())
