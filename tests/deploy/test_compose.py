"""compose.yaml is valid, and agrees with the image, the entrypoint, the settings and the configuration of its parts."""

import re
import subprocess
from configparser import ConfigParser

import pytest
import yaml

from config import load
from tests.support.live import ROOT
from tests.support.validators import (
    interpolated,
    parts_of_the_service,
    port_of_the_image,
    settings_of_config,
    validate,
    validator,
)

SECRETS = {"POSTGRES_PASSWORD": "p4ssw0rd", "ENCRYPTION_SALT": "a-salt", "ADMIN_API_KEY_SHA256": "ab" * 32}
TEXT = (ROOT / "compose.yaml").read_text()
SERVICES = yaml.safe_load(interpolated(TEXT, **SECRETS))["services"]
OURS = ["web", "release", "scheduler"]
DOCKERFILE = (ROOT / "Dockerfile").read_text()


def pgbouncer():
    parser = ConfigParser()
    parser.read(ROOT / "deploy" / "pgbouncer" / "pgbouncer.ini")
    return parser["pgbouncer"]


@pytest.fixture
def settings():
    """What the service makes of the environment of a container. Variables without a value are not set."""
    given = SERVICES["web"]["environment"]
    return load({name: str(value) for name, value in given.items() if value is not None})


def test_it_fits_the_schema_of_compose():
    validate("check-jsonschema", "--builtin-schema", "vendor.compose-spec", ROOT / "compose.yaml")


def test_compose_reads_it():
    printed = validate("docker-compose", "--file", ROOT / "compose.yaml", "config", env=SECRETS)
    assert set(yaml.safe_load(printed)["services"]) == set(SERVICES)


@pytest.mark.parametrize("name", SECRETS)
def test_compose_names_a_secret_that_is_missing(name):
    advice = "is missing a value: run the commands of docs/operating/containers.md"
    command = [validator("docker-compose"), "--file", ROOT / "compose.yaml", "config"]
    done = subprocess.run(command, env=SECRETS | {name: ""}, capture_output=True, text=True)
    assert done.stdout == ""  # the program of the wheel ends with the code 0 in any case
    assert f"required variable {name} {advice}" in done.stderr


@pytest.mark.parametrize("name", OURS)
def test_every_variable_is_one_that_the_service_reads(name):
    assert set(SERVICES[name]["environment"]) <= settings_of_config() | {"WEB_CONCURRENCY"}


def test_the_service_accepts_the_settings(settings):
    assert settings["PROXY_COUNT"] == 1
    assert settings["PUBLIC_ORIGIN"] == "https://localhost"
    assert settings["RATELIMIT_STORAGE_URI"] == "redis://valkey:6379/0"


def test_requests_use_the_pooler_and_migrations_do_not(settings):
    pooled, direct = settings["SQLALCHEMY_DATABASE_URI"], settings["MIGRATION_DATABASE_URI"]
    assert (pooled.host, pooled.port) == ("pgbouncer", int(pgbouncer()["listen_port"]))
    assert (direct.host, direct.port) == ("postgres", 5432)
    assert (pooled.username, pooled.password, pooled.database) == (direct.username, direct.password, direct.database)
    role = SERVICES["postgres"]["environment"]
    assert (role["POSTGRES_USER"], role["POSTGRES_PASSWORD"]) == (direct.username, direct.password)
    assert role["POSTGRES_DB"] == direct.database


def test_the_pooler_accepts_the_connections_of_all_replicas(settings):
    replicas = SERVICES["web"]["deploy"]["replicas"]
    connections = settings["SQLALCHEMY_ENGINE_OPTIONS"]["pool_size"] * settings["WORKERS"]
    assert replicas * connections * 3 <= int(pgbouncer()["max_client_conn"])
    assert pgbouncer()["pool_mode"] == "transaction"


@pytest.mark.parametrize("name", OURS)
def test_a_command_is_one_of_the_entrypoint(name):
    (command,) = SERVICES[name].get("command", ["web"])
    assert command in parts_of_the_service()


def test_the_proxy_calls_the_port_of_the_image():
    port = port_of_the_image()
    assert re.findall(r"^EXPOSE (\d+)", DOCKERFILE, re.MULTILINE) == [port]
    assert f"{{$SERVICE_PORT:{port}}}" in (ROOT / "deploy" / "caddy" / "Caddyfile").read_text()
    assert SERVICES["proxy"]["environment"]["SERVICE_HOST"] == "web"


def test_only_the_proxy_has_published_ports():
    assert [name for name, service in SERVICES.items() if "ports" in service] == ["proxy"]


@pytest.mark.parametrize("name", SERVICES)
def test_a_container_has_no_privileges_that_it_does_not_need(name):
    service = SERVICES[name]
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service.get("read_only") or name == "postgres"
    assert not service.get("privileged")


@pytest.mark.parametrize("name", SERVICES)
def test_an_image_is_ours_or_has_a_version(name):
    image = SERVICES[name]["image"]
    assert image.startswith("pangeo-forge-") or re.search(r":\d", image)


def test_the_service_starts_after_the_migration():
    for name in ("web", "scheduler"):
        assert SERVICES[name]["depends_on"]["release"]["condition"] == "service_completed_successfully"
    assert SERVICES["release"]["restart"] == "no"


def test_the_database_is_not_reachable_from_outside():
    networks = yaml.safe_load(TEXT)["networks"]
    assert networks["back"]["internal"]
    assert all(SERVICES[name]["networks"] == ["back"] for name in ("postgres", "pgbouncer", "valkey"))
