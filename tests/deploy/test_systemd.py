"""The units of deploy/systemd are valid, restrictive, and agree with the entrypoint."""

import shutil
from configparser import ConfigParser

import pytest

from tests.support.live import ROOT
from tests.support.validators import graceful_timeout, validate

FOLDER = ROOT / "deploy" / "systemd"
UNITS = sorted(path.name for path in FOLDER.glob("pangeo-forge-*.*") if path.is_file())
SERVICES = [name for name in UNITS if name.endswith(".service")]
# Of 100. `systemd-analyze security` calls less than 20 "OK" or better; Debian's nginx has 95.
EXPOSURE = 20


@pytest.fixture(scope="module")
def units(tmp_path_factory):
    """A folder with the units, in which the project is in its present folder."""
    folder = tmp_path_factory.mktemp("units") / "system"
    shutil.copytree(FOLDER, folder)
    for path in folder.rglob("*.*"):
        if path.is_file():
            path.write_text(path.read_text().replace("/srv/pangeo-forge", str(ROOT)))
    return folder


def section(name, title):
    parser = ConfigParser(strict=False, interpolation=None)
    parser.optionxform = str
    parser.read(FOLDER / name)
    return dict(parser[title])


def test_systemd_finds_no_fault_in_the_units(units):
    paths = [units / name for name in UNITS]
    printed = validate("systemd-analyze", "verify", *paths, env={"SYSTEMD_UNIT_PATH": f"{units}:"})
    assert str(units) not in printed


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_is_restricted(units, name):
    arguments = ("security", "--offline=yes", f"--threshold={EXPOSURE}", units / name)
    validate("systemd-analyze", *arguments, env={"SYSTEMD_UNIT_PATH": f"{units}:"})


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_runs_a_part_of_the_entrypoint(name):
    program, part = section(name, "Service")["ExecStart"].split()
    assert program == "/srv/pangeo-forge/deploy/entrypoint"
    assert f"    {part})\n" in (ROOT / "deploy" / "entrypoint").read_text()


@pytest.mark.parametrize("name", [name for name in UNITS if name.endswith(".timer")])
def test_a_timer_starts_a_service_that_exists(name):
    assert name.replace(".timer", ".service") in SERVICES
    validate("systemd-analyze", "calendar", section(name, "Timer")["OnCalendar"])


def test_the_service_gets_the_port_of_the_proxies_from_its_socket():
    unit = section("pangeo-forge-web.service", "Unit")
    assert all("pangeo-forge-web.socket" in unit[relation].split() for relation in ("Requires", "After"))
    address = section("pangeo-forge-web.socket", "Socket")["ListenStream"]
    assert f"server {address} " in (ROOT / "deploy" / "nginx" / "pangeo-forge.conf").read_text()


def test_systemd_waits_for_the_requests_that_gunicorn_finishes():
    assert int(section("pangeo-forge-web.service", "Service")["TimeoutStopSec"]) > graceful_timeout()
