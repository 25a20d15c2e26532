"""`flask` on a machine without settings: its help works, and each command ends with one sentence."""

import subprocess

import pytest

from app.cli import COMMANDS
from tests.support import live

SENTENCE = (
    "pangeo-forge: DATABASE_URL is not set: for example sqlite:///pangeo_forge.sqlite or postgresql://user@host/name.\n"
)


def flask(*arguments):
    """The exit code and both outputs of a `flask` command without settings."""
    command, env = [live.BIN / "flask", *arguments], {"PATH": "/usr/bin:/bin", **live.NO_ENV_FILE}
    done = subprocess.run(command, cwd=live.ROOT, env=env, capture_output=True, text=True)
    return done.returncode, done.stdout, done.stderr


@pytest.mark.parametrize("arguments", [["--help"], []], ids=["help", "nothing"])
def test_the_help_names_every_command(arguments):
    _, printed, errors = flask(*arguments)
    for name in ("db", *(command.name for command in COMMANDS)):
        assert f"\n  {name} " in printed + errors
    assert "DATABASE_URL" not in printed + errors


@pytest.mark.parametrize(
    "arguments",
    [["doctor"], ["api-keys", "list"], ["import", "-"], ["seed", "--address", "x"], ["db", "upgrade"], ["run"]],
    ids=" ".join,
)
def test_a_command_ends_with_one_sentence(arguments):
    assert flask(*arguments) == (1, "", SENTENCE)
