"""The Dockerfiles are valid, and the image gets no files of the project but those of the service."""

import re

import pytest

from tests.support.live import ROOT
from tests.support.validators import port_of_the_image, validate

DOCKERFILE = (ROOT / "Dockerfile").read_text()


@pytest.mark.parametrize("name", ["Dockerfile", "deploy/pgbouncer/Dockerfile"])
def test_hadolint_finds_no_fault(name):
    assert validate("hadolint", name) == ""


def test_the_image_has_the_python_of_the_service():
    version = (ROOT / "runtime.txt").read_text().strip().removeprefix("python-")
    assert f"\nARG BASE=docker.io/library/python:{version}-slim-" in DOCKERFILE
    assert re.findall(r"^FROM (\S+)", DOCKERFILE, re.MULTILINE) == ["${BASE}"] * 2


def test_packages_are_installed_by_their_hashes():
    assert "--require-hashes" in DOCKERFILE


def test_the_image_says_on_which_port_it_listens():
    assert re.findall(r"^EXPOSE (\d+)", DOCKERFILE, re.MULTILINE) == [port_of_the_image()]


def test_the_build_gets_only_what_is_named():
    first, *names = [line for line in (ROOT / ".dockerignore").read_text().splitlines() if not line.startswith("#")]
    assert first == "*"
    paths = [name.removeprefix("!") for name in names if name.startswith("!")]
    assert all((ROOT / path).exists() for path in paths)
    assert not [path for path in paths if re.search(r"env|tests|docs|\.git", path)]


def test_every_optional_package_of_the_service_can_be_installed():
    names = (ROOT / ".dockerignore").read_text()
    assert all(f"!requirements/{extra}.txt" in names for extra in ("otel", "repr", "sentry"))
