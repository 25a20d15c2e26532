"""The wheel of our own client, in the environment of `make client`, which has nothing of the service."""

import subprocess

import pytest

from tests.support.clients import require
from tests.support.own_client import WHEEL, WITHOUT_WHEEL


@pytest.fixture
def installed(forge_service, tmp_path):
    """Runs a program of the environment with some arguments, and returns its exit code and its output."""

    def run(name, *arguments):
        command = [require(WHEEL / name, WITHOUT_WHEEL), *arguments]
        env = {"PANGEO_FORGE_SERVER": forge_service, "HOME": str(tmp_path)}
        done = subprocess.run(command, env=env, cwd=tmp_path, capture_output=True, text=True)
        return done.returncode, done.stdout + done.stderr

    return run


def test_the_command_works(installed):
    code, printed = installed("pangeo-forge", "runs", "watch", "5", "--json")
    assert (code, '"conclusion": "failure"' in printed) == (1, True)


def test_the_library_works_and_is_typed(installed):
    program = "from importlib.resources import files; import pangeo_forge_client as it; "
    program += "print(files(it).joinpath('py.typed').is_file(), it.Client().bakeries.get(3).name, it.__version__)"
    assert installed("python", "-c", program) == (0, "True laptop 1.0.0\n")


@pytest.mark.parametrize("name", ["app", "flask", "xarray", "keyring"])
def test_it_does_without_the_service_and_the_extras(installed, name):
    code, printed = installed("python", "-c", f"import {name}")
    assert (code, f"No module named '{name}'" in printed) == (1, True)


def test_opening_a_dataset_names_the_extra_that_it_needs(installed):
    code, printed = installed("pangeo-forge", "datasets", "open", "7")
    assert (code, "pip install 'pangeo-forge-client[xarray]' xarray" in printed) == (2, True)
