"""The guides of our own client are correct: their blocks run, in order, and print what the guides say."""

import contextlib
import doctest
import io
import re
import subprocess

import pytest

from tests.conftest import ADMIN_KEY, SEED, application, copied, environment
from tests.support import live
from tests.support.own_client import in_path
from tests.support.postgres import free_port

WRITTEN = "http://127.0.0.1:8000"  # the address in the documents
PYTHON = r"```python\n(.*?)```\n(?:\n```text\n(.*?)```)?"
STEP = r"^\$ (.*)\n((?:(?!\$ |```).*\n)*)"
FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


@pytest.fixture
def examples(sqlite_template, tmp_path):
    """The address of a service as `make run` starts it, which has the datasets of its examples itself."""
    port, url = free_port(), copied(sqlite_template, tmp_path / "examples.sqlite")
    with application(url) as app:
        seed = [*SEED, "--address", f"http://127.0.0.1:{port}"]
        assert app.test_cli_runner().invoke(args=seed).exit_code == 0
    with live.server(environment(url), port) as address:
        yield address


def document(name, address):
    return (live.ROOT / name).read_text().replace(WRITTEN, address)


def agree(expected, printed):
    return doctest.OutputChecker().check_output(expected, printed or "\n", FLAGS)


def test_the_guide_in_python_and_the_page_of_the_package_are_correct(examples, monkeypatch):
    monkeypatch.setenv("KEY", ADMIN_KEY)
    monkeypatch.setenv("PANGEO_FORGE_SERVER", examples)
    names = {}
    [(readme, _)] = re.findall(PYTHON, document("client/README.md", examples), re.DOTALL)
    exec(readme, names)
    assert list(names["data"]) == ["precip"]
    blocks = re.findall(PYTHON, document("docs/using-python.md", examples), re.DOTALL)
    assert len(blocks) > 7
    for code, expected in blocks:
        with contextlib.redirect_stdout(io.StringIO()) as printed:
            exec(code, names)
        assert agree(expected, printed.getvalue()), (code, printed.getvalue())
    for client in (names["forge"], names["patient"]):
        client.close()


def test_the_guide_to_automation_is_correct(examples, tmp_path):
    text = document("docs/automation.md", examples)
    steps = re.findall(STEP, text, re.MULTILINE)
    assert len(steps) > 7
    shell = {"PATH": in_path(tmp_path), "KEY": ADMIN_KEY, "HOME": str(tmp_path), "PANGEO_FORGE_SERVER": examples}
    for command, expected in steps:
        done = subprocess.run(["bash", "-c", command], env=shell, capture_output=True, text=True)
        assert agree(expected, done.stdout), (command, done.stdout, done.stderr)
