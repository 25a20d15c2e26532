"""The page about systemd is followed on a host that systemd boots: `make host`."""

import re

import pytest

from tests.support import hosts
from tests.support.live import ROOT

SECTIONS = dict(hosts.commands(ROOT / "docs" / "operating" / "systemd.md"))
SETUP = [block for name in ("The database", "The service") for block in SECTIONS[name]]
NEEDS_THE_NETWORK = re.compile(r"apt-get|git clone")
ADDRESS = "https://github.com/OWNER/REPOSITORY"
RESTART = """
for _ in $(seq 50); do curl --silent http://127.0.0.1:8000/readyz; echo; sleep 0.05; done > /tmp/answers &
sleep 1
systemctl restart pangeo-forge-web
wait
sort /tmp/answers | uniq --count
"""


@pytest.fixture(scope="module")
def host():
    """A function that runs a script on the host, and `host.output` of the commands of the page."""
    with hosts.created() as folder:
        address = hosts.project(folder)
        for block in filter(NEEDS_THE_NETWORK.search, SETUP):
            hosts.install(folder, block.replace(ADDRESS, address))
        with hosts.booted(folder) as run:
            others = [block for block in SETUP if not NEEDS_THE_NETWORK.search(block)]
            run.output = run("cd /srv/pangeo-forge\n" + "".join(others))
            yield run


def test_the_commands_of_the_page_end_with_a_service_that_is_ready(host):
    assert host.output.endswith('{"status":"ok"}')


def test_the_doctor_finds_no_problem(host):
    (doctor,) = SECTIONS["Commands"]
    printed = host(doctor)
    print(f"\n{printed}")
    assert "PROBLEM" not in printed


def test_the_regular_jobs_run(host):
    host("systemctl start pangeo-forge-daily.service pangeo-forge-hourly.service")
    timers = host("systemctl list-timers --no-pager 'pangeo-forge-*'")
    assert {"pangeo-forge-daily.timer", "pangeo-forge-hourly.timer"} <= set(timers.split())


def test_a_restart_refuses_no_request(host):
    assert host(RESTART).split() == ["50", '{"status":"ok"}']


def test_a_migration_that_fails_does_not_stop_the_service(host):
    host("echo MIGRATION_DATABASE_URL=postgresql:///nowhere >> /etc/pangeo-forge.env")
    assert host("systemctl start pangeo-forge-release || echo failed").endswith("failed\n")
    assert host("curl --silent http://127.0.0.1:8000/readyz") == '{"status":"ok"}'


def test_the_service_is_restricted(host):
    printed = host("systemd-analyze security --no-pager pangeo-forge-web.service | tail -1")
    print(f"\n{printed}")
    assert float(re.search(r": (\d+\.\d+) ", printed)[1]) < 2
