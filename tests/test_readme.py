"""The README is true: its tour is run as typed, its tables name what there is."""

import doctest
import os
import re
import subprocess

from tests.conftest import ADMIN_KEY
from tests.support import live

README = (live.ROOT / "README.md").read_text()
BLOCKS = re.findall(r"```console\n(.*?)```", README, re.DOTALL)
STEPS = [step for block in BLOCKS for step in re.findall(r"^\$ (.*)\n((?:(?!\$ ).*\n)*)", block, re.MULTILINE)]


def test_the_tour_prints_what_the_readme_says(own_service):
    for command, expected in STEPS:
        shell = {"PATH": os.environ["PATH"], "KEY": ADMIN_KEY}
        typed = command.replace("http://127.0.0.1:8000", own_service)
        printed = subprocess.run(["bash", "-c", typed], env=shell, capture_output=True, text=True, check=True).stdout
        assert doctest.OutputChecker().check_output(expected, printed + "\n", doctest.ELLIPSIS), (command, printed)


def test_the_tour_has_steps_that_read_write_and_fail():
    assert len(STEPS) >= 8
    assert {"POST", "PATCH", "DELETE"} <= {
        method for command, _ in STEPS for method in re.findall(r"-X (\w+)", command)
    }


def test_the_configuration_table_names_the_variables_that_are_read():
    source = (live.ROOT / "config.py").read_text()
    read = set(re.findall(r'environ(?:\.get\(|, )"([A-Z_0-9]+)"', source))
    documented = set(re.findall(r"^\| `([A-Z_0-9]+)` \|", README, re.MULTILINE))
    assert read <= documented
    assert documented - read <= {"WEB_CONCURRENCY", "PORT"}


def test_the_targets_that_the_documents_name_exist():
    makefile = (live.ROOT / "Makefile").read_text()
    targets = set(re.findall(r"^([a-z-]+):", makefile, re.MULTILINE))
    documents = [README, *(path.read_text() for path in (live.ROOT / "docs").rglob("*.md"))]
    named = {name for text in documents for name in re.findall(r"(?:`|^    )(?:\w+=\S+ )*make ([a-z-]+)", text, re.M)}
    assert {"run", "test"} <= named <= targets
