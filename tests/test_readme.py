"""The README and the documents are correct: the tour works, and all named commands, targets and files exist."""

import doctest
import os
import re
import subprocess

from app.cli import COMMANDS
from tests.conftest import ADMIN_KEY
from tests.support import live, parameters

README = (live.ROOT / "README.md").read_text()
DOCUMENTS = {path: path.read_text() for path in (*live.ROOT.glob("*.md"), *(live.ROOT / "docs").rglob("*.md"))}
BLOCKS = re.findall(r"```console\n(.*?)```", README, re.DOTALL)
STEPS = [step for block in BLOCKS for step in re.findall(r"^\$ (.*)\n((?:(?!\$ ).*\n)*)", block, re.MULTILINE)]


def test_the_tour_prints_the_output_in_the_readme(own_service):
    for command, expected in STEPS:
        shell = {"PATH": os.environ["PATH"], "KEY": ADMIN_KEY}
        typed, expected = (text.replace("http://127.0.0.1:8000", own_service) for text in (command, expected))
        printed = subprocess.run(["bash", "-c", typed], env=shell, capture_output=True, text=True, check=True).stdout
        assert doctest.OutputChecker().check_output(expected, printed + "\n", doctest.ELLIPSIS), (command, printed)


def test_the_tour_has_steps_that_read_write_and_fail():
    assert len(STEPS) >= 8
    assert {"POST", "PATCH", "DELETE"} <= {
        method for command, _ in STEPS for method in re.findall(r"-X (\w+)", command)
    }


def test_the_configuration_table_names_the_variables_that_are_read():
    source = (live.ROOT / "config.py").read_text()
    read = {"DATABASE_URL", *re.findall(r'environ(?:\.get\(|, )"([A-Z_0-9]+)"', source)}
    documented = set(re.findall(r"^\| `([A-Z_0-9]+)` \|", README, re.MULTILINE))
    assert read <= documented
    assert documented - read <= {"WEB_CONCURRENCY", "PORT"}


def test_the_table_of_parameters_is_current():
    assert (live.ROOT / "docs/parameters.md").read_text() == parameters.page(), "run `make parameters`"


def test_the_targets_that_the_documents_name_exist():
    makefile = (live.ROOT / "Makefile").read_text()
    targets = set(re.findall(r"^([a-z-]+):", makefile, re.MULTILINE))
    made = r"(?:`|^    )(?:\w+=\S+ )*make ([a-z-]+)"
    named = {name for text in DOCUMENTS.values() for name in re.findall(made, text, re.MULTILINE)}
    assert {"run", "test"} <= named <= targets


def test_the_commands_that_the_documents_name_exist():
    groups = {command.name: set(getattr(command, "commands", ())) for command in COMMANDS}
    groups |= {"db": {"upgrade", "downgrade"}, "run": set()}  # commands of Flask and its extensions
    for text in DOCUMENTS.values():
        for name, subcommand in re.findall(r"\bflask ([a-z][a-z-]+)(?: ([a-z][a-z-]+))?", text):
            assert name in groups
            assert not groups[name] or not subcommand or subcommand in groups[name], (name, subcommand)


def test_the_links_of_the_documents_resolve():
    for path, text in DOCUMENTS.items():
        for name, heading in re.findall(r"\]\((?!https?:)([^)#]*)(?:#([^)]+))?\)", text):
            target = (path.parent / name).resolve() if name else path
            assert target.exists(), (path.name, name)
            assert not heading or heading in headings(target.read_text()), (path.name, heading)


def headings(text):
    """The anchors that GitHub creates for the headings of a page."""
    return {
        re.sub(r"[^\w -]", "", line.lower()).replace(" ", "-") for line in re.findall(r"^#+ (.*)", text, re.MULTILINE)
    }
