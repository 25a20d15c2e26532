"""`make run` names what is wrong with the machine before it installs anything."""

import socket
import subprocess
import sys

import pytest

from app.cli import first_run
from tests.support.live import ROOT

PROGRAM = str(ROOT / "app/cli/first_run.py")


def test_a_taken_port_is_named_with_a_free_one():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = subprocess.run([sys.executable, PROGRAM, str(port)], capture_output=True, text=True)
    assert done.returncode == 1
    assert f"Port {port} cannot be used: Address already in use. Use another one: make run PORT=" in done.stderr


@pytest.mark.parametrize("text", ["0", "65536", "eight", "-1", ""])
def test_a_port_that_is_none_is_named(text):
    assert first_run.fault_of_port(text) == f"PORT is {text!r}; it must be a number from 1 to 65535."


def test_an_old_python_is_named_with_what_to_do(monkeypatch):
    monkeypatch.setattr(sys, "version_info", (3, 9, 18))
    sentence = first_run.fault_of_python()
    assert sentence.startswith(f"Python 3.9.18 at {sys.executable} is too old: the service needs 3.11.")
    assert sentence.endswith("make run PYTHON=/path/to/python3.11")


def test_a_python_without_venv_is_named_with_what_to_do(monkeypatch):
    monkeypatch.setattr(first_run, "find_spec", lambda name: None if name == "ensurepip" else name)
    assert "lacks the module ensurepip" in first_run.fault_of_python()
    assert "apt-get install python3-venv" in first_run.fault_of_python()


def test_this_python_is_right():
    assert first_run.fault_of_python() == ""


def test_make_run_stops_at_a_taken_port_before_it_installs_anything(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        command = ["make", "--file", ROOT / "Makefile", "run", f"PORT={port}", f"PYTHON={sys.executable}"]
        done = subprocess.run(command, cwd=copy_of_the_check(tmp_path), capture_output=True, text=True)
    assert done.returncode == 2
    assert f"Port {port} cannot be used" in done.stderr
    assert not (tmp_path / ".venv").exists()


def copy_of_the_check(folder):
    """A folder that has nothing of a clone but the program that checks the machine."""
    copied = folder / "app/cli/first_run.py"
    copied.parent.mkdir(parents=True)
    copied.write_text((ROOT / "app/cli/first_run.py").read_text())
    return folder
