"""deploy/fly.toml agrees with the image, the entrypoint and the settings."""

import tomllib

import pytest

from tests.support.live import ROOT
from tests.support.validators import graceful_timeout, parts_of_the_service, port_of_the_image, settings_of_config

FLY = tomllib.loads((ROOT / "deploy" / "fly.toml").read_text())


def test_it_builds_the_dockerfile_which_it_names_relative_to_itself():
    assert (ROOT / "deploy" / FLY["build"]["dockerfile"]).resolve() == ROOT / "Dockerfile"


@pytest.mark.parametrize("command", [FLY["deploy"]["release_command"], *FLY["processes"].values()])
def test_a_command_is_a_part_of_the_entrypoint(command):
    assert command in parts_of_the_service()


def test_every_variable_is_one_that_the_service_reads():
    assert set(FLY["env"]) <= settings_of_config() | {"WEB_CONCURRENCY"}


def test_the_proxy_calls_the_port_of_the_image():
    port = port_of_the_image()
    assert str(FLY["http_service"]["internal_port"]) == port


def test_a_machine_serves_when_it_is_ready():
    (check,) = FLY["http_service"]["checks"]
    assert (check["method"], check["path"]) == ("GET", "/readyz")
    assert FLY["http_service"]["processes"] == ["web"]


def test_a_machine_has_the_time_that_gunicorn_takes_to_stop():
    assert int(FLY["kill_timeout"].removesuffix("s")) > graceful_timeout()
    assert FLY["kill_signal"] == "SIGTERM"
