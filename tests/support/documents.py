"""Reads the documents of the project, and runs the commands in them as a reader would type them.

The language of a fence says what a test does with the block: `console` has commands after `$ ` and what they print,
`sh` has commands whose output does not matter, and `python` has code that may be followed by a block `text` with what
it prints. Other languages are no commands. `...` in an output stands for any text.
"""

import contextlib
import doctest
import io
import re
import subprocess
import textwrap
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path

from pangeo_forge_client import Client
from tests.support.live import ROOT

# What cannot run here, and why. A block of commands that has one of these is only parsed.
CANNOT_RUN = {
    r"\bheroku ": "needs an account at Heroku",
    r"\bdocker ": "needs a Docker engine",
    r"\bkubectl ": "needs a cluster",
    r"\bfly ": "needs an account at Fly",
    r"\b(sudo|journalctl) ": "changes the machine, or needs systemd",
    r"api\.pangeo-forge\.org|https://HOST": "needs a deployed service",
    r"\bpip install ": "needs a package index; the tests of the Makefile install the same packages",
    r"\b(npx|openapi-python-client) ": "needs the programs of `make clients`; tests/clients generates both clients",
    r"\bgit (push|tag) ": "needs another repository, or changes this one",
    r"\bmake [a-z-]+": "takes minutes or serves for ever; the tests compare the names of targets with the Makefile",
    r"\bpytest ": "would run tests inside of a test",
    r"\bpangeo-forge-production\.dump": "the backup of the original is not public; tests/migrations restores it",
    r"^bash again\.sh|^less again\.sh": "installs packages of an index; tests/services/test_reproduce.py runs it",
}
WRITTEN = "http://127.0.0.1:8000"  # the address of the service in the documents
FENCE = re.compile(r"^( *)```(\w*)\n(.*?)^\1```$", re.DOTALL | re.MULTILINE)
STEP = re.compile(r"^\$ ((?:.*\\\n)*.*)\n((?:(?!\$ ).*\n)*)", re.MULTILINE)
MARK = "--- end of a step ---"
FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


@dataclass(frozen=True)
class Block:
    """A fenced block of a document."""

    document: Path
    line: int
    language: str
    text: str

    def __str__(self):
        return f"{self.document.relative_to(ROOT)}:{self.line}"

    @property
    def is_commands(self):
        return self.language in ("console", "sh")

    @property
    def reason(self):
        """Why these commands cannot run here, or None."""
        found = (why for pattern, why in CANNOT_RUN.items() if re.search(pattern, self.text, re.MULTILINE))
        return next(found, None)

    @property
    def steps(self):
        """Pairs of a command and what it prints, or None if that does not matter."""
        return STEP.findall(self.text) if self.language == "console" else [(self.text, None)]


def documents():
    """The paths of all documents that people read."""
    return [*sorted(ROOT.glob("*.md")), ROOT / "client/README.md", *sorted((ROOT / "docs").rglob("*.md"))]


def blocks(document):
    """The fenced blocks of a document, in order."""
    text = document.read_text()
    for found in FENCE.finditer(text):
        yield Block(document, text.count("\n", 0, found.start()) + 1, found[2], textwrap.dedent(found[3]))


def outside_blocks(document):
    """The text of a document without its fenced blocks."""
    return FENCE.sub("", document.read_text())


def run(shown, address, environment, folder):
    """Run blocks of commands in one shell, in order, and return a sentence for each step that fails.

    The shell starts in `folder`. A step of a block `sh` ends the shell if one of its commands fails.
    """
    steps = [(block, *step) for block in shown for step in block.steps]
    script = "\n".join(_marked(command, expected is None) for _, command, expected in steps)
    command = ["bash", "-c", script.replace(WRITTEN, address)]
    with open(folder / "errors", "w+") as errors:
        done = subprocess.run(command, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=errors, text=True)
        errors.seek(0)
        said = errors.read()[-3000:]
    *printed, rest = done.stdout.split(f"{MARK}\n")
    for number, (block, command, expected) in enumerate(steps):
        if number >= len(printed):
            yield f"{block}: {command}\nfailed after {rest[-3000:]}\n{said}"
            return
        if expected is not None and not agree(expected.replace(WRITTEN, address), printed[number]):
            yield f"{block}: {command}\nprinted {printed[number]}\n{said}"


def _marked(command, strict):
    return f"set {'-' if strict else '+'}e\n{command}\nset +e\necho {MARK!r}"


def run_python(shown, address):
    """Execute blocks of Python in one namespace, in order, and yield a sentence for each that prints something else."""
    names = {}
    for code, expected in shown:
        with contextlib.redirect_stdout(io.StringIO()) as printed:
            exec(compile(code.text.replace(WRITTEN, address), str(code), "exec"), names)
        if expected is not None and not agree(expected, printed.getvalue()):
            yield f"{code} printed {printed.getvalue()}"
    for value in names.values():
        if isinstance(value, Client):
            value.close()


def python_blocks(document):
    """Pairs of a block of Python and what it prints, which is the block `text` after it."""
    found = list(blocks(document))
    for block, following in zip_longest(found, found[1:]):
        if block.language == "python":
            yield block, following.text if following and following.language == "text" else None


def agree(expected, printed):
    """Whether the printed text is the expected one. Blanks and the ends of lines do not matter."""
    return doctest.OutputChecker().check_output(expected or "\n", printed or "\n", FLAGS)
