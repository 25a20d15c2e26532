"""`flask` on a machine without settings: its help works, and each command ends with one sentence."""

import json
import subprocess
import sys

import pytest

from app.cli import COMMANDS
from tests.support import live

SENTENCE = (
    "pangeo-forge: DATABASE_URL is not set: for example sqlite:///pangeo_forge.sqlite or postgresql://user@host/name.\n"
)
HELP = {"help": ["--help"], "nothing": []}
REFUSED = ["doctor", "api-keys list", "import -", "seed --address x", "db upgrade", "run"]

# It imports everything once, then forks a process for each command, and prints the exit codes. The outputs are files.
PROGRAM = """
import json, os, sys, app.cli
from flask.cli import cli
for number, arguments in enumerate(json.loads(sys.argv[1])):
    if os.fork() == 0:
        for descriptor, name in ((1, "printed"), (2, "errors")):
            os.dup2(os.open(f"{sys.argv[2]}/{number}.{name}", os.O_CREAT | os.O_WRONLY), descriptor)
        cli.main(arguments, "flask")
    print(os.waitstatus_to_exitcode(os.wait()[1]), flush=True)
"""


@pytest.fixture(scope="module")
def flask(tmp_path_factory):
    """The exit code and both outputs of each command without settings, by its arguments."""
    folder, asked = tmp_path_factory.mktemp("flask"), [*HELP.values(), *(line.split() for line in REFUSED)]
    env = {"PATH": "/usr/bin:/bin", **live.NO_ENV_FILE}
    command = [sys.executable, "-c", PROGRAM, json.dumps(asked), folder]
    codes = subprocess.run(command, cwd=live.ROOT, env=env, stdout=subprocess.PIPE, text=True, check=True).stdout
    files = [[folder / f"{number}.{name}" for name in ("printed", "errors")] for number in range(len(asked))]
    return {
        tuple(arguments): (int(code), *(file.read_text() for file in outputs))
        for arguments, code, outputs in zip(asked, codes.split(), files, strict=True)
    }


@pytest.mark.parametrize("arguments", HELP.values(), ids=HELP)
def test_the_help_names_every_command(flask, arguments):
    _, printed, errors = flask[tuple(arguments)]
    for name in ("db", *(command.name for command in COMMANDS)):
        assert f"\n  {name} " in printed + errors
    assert "DATABASE_URL" not in printed + errors


@pytest.mark.parametrize("arguments", REFUSED)
def test_a_command_ends_with_one_sentence(flask, arguments):
    assert flask[tuple(arguments.split())] == (1, "", SENTENCE)
