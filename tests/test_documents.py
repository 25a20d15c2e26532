"""The blocks of the documents say their language, and their commands are correct. `make documents` runs them."""

import re
import subprocess

import pytest

from tests.support import documents
from tests.support.documents import CANNOT_RUN

NEWER_THAN_CURL_7_81 = ("--json", "%header{", "--url-query", "--variable", "--rate ", "--remove-on-error")
HERE = re.compile(r"<<'(\w+)'.*?^\1$", re.DOTALL | re.MULTILINE)  # a text that is the input of a command
QUOTED = re.compile(r"'[^']*'|\"(?:[^\"\\]|\\.)*\"|#.*")  # and comments
DOCUMENTS = documents.documents()
BLOCKS = [block for path in DOCUMENTS for block in documents.blocks(path)]
COMMANDS = [block for block in BLOCKS if block.is_commands]


@pytest.mark.parametrize("block", COMMANDS, ids=str)
def test_a_block_of_commands_is_correct_bash(block):
    script = "\n".join(command for command, _ in block.steps)
    parsed = subprocess.run(["bash", "-n"], input=script, capture_output=True, text=True)
    assert (parsed.returncode, parsed.stderr) == (0, "")


def test_every_reason_not_to_run_a_command_is_needed():
    for pattern in CANNOT_RUN:
        assert any(re.search(pattern, block.text, re.MULTILINE) for block in COMMANDS), pattern


def test_every_block_says_its_language():
    assert [str(block) for block in BLOCKS if not block.language] == []


def test_commands_are_only_in_blocks_that_are_run_or_listed():
    """Blocks of other languages, and blocks that are indented, are no commands."""
    start = r"^(\$ |make |curl |heroku |flask |\.venv/|pangeo-forge |pip |docker |kubectl |psql |sudo )"
    others = [block for block in BLOCKS if not block.is_commands]
    assert [str(block) for block in others if re.search(start, block.text, re.MULTILINE)] == []
    for path in DOCUMENTS:
        assert not re.search(r"\n\n {4}\S", documents.outside_blocks(path)), path.name


@pytest.mark.parametrize("block", COMMANDS, ids=str)
def test_a_block_of_commands_suits_zsh_and_the_curl_of_ubuntu_22_04(block):
    """zsh takes `?`, `*` and `[` for patterns of names of files, and fails if there is no such file."""
    for command, _ in block.steps:
        assert "curl " not in command or not [new for new in NEWER_THAN_CURL_7_81 if new in command]
        words = QUOTED.sub("", HERE.sub("", command)).split()
        assert [word for word in words if re.search(r"[?*]|\S\[|https?:\S*&", word) and word != "$?"] == []
