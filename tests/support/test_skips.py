"""The summary of a test run names the reasons of all skipped tests."""

from types import SimpleNamespace

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


def test_ci_installs_every_program_that_tests_need():
    commands = (ROOT / ".ci" / "run").read_text()
    programs = ("chromium-headless-shell", "redis-server", "pgbouncer", "npm")
    assert all(f"--no-install-recommends {name} " in commands for name in programs)
    assert "for program in nginx caddy; do" in commands
    assert "--no-install-recommends buildah debootstrap " in commands
    assert all(f"\nmake {target} || echo" in commands for target in ("clients", "validators"))
