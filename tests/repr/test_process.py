"""The program in a separate process, whatever it writes."""

from contextlib import ExitStack
from resource import RLIMIT_NOFILE, getrlimit, setrlimit
from socket import socket

import pytest

from app.repr import process
from tests.support import live

FD_SETSIZE = 1024  # descriptors that `select` can wait for


@pytest.fixture
def run(tmp_path):
    """A function that runs a program of one line."""

    def run(line, seconds=live.PATIENCE):
        (tmp_path / "program.py").write_text(line)
        return process.run(tmp_path / "program.py", {"url": "https://data.org/a.zarr"}, seconds)

    return run


def test_a_program_gets_what_is_asked_and_returns_what_it_writes(run):
    assert run("import sys; print(sys.stdin.read(), end='')") == process.Output(b'{"url": "https://data.org/a.zarr"}')


def test_a_program_that_writes_without_end_is_ended(run):
    output = run("import sys\nwhile True: sys.stdout.write('x' * 2**20)")
    assert (output.error, len(output.written)) == ("crashed", process.OUTPUT_MAX)


@pytest.mark.parametrize("line", ["import time; time.sleep(3600)", "import os, time; os.close(1); time.sleep(3600)"])
def test_a_program_that_takes_too_long_is_ended(run, line):
    assert run(line, seconds=2) == process.Output(b"", "late")


def test_a_program_is_ended_though_another_process_still_writes(run):
    assert run("import os, time; os.fork() or time.sleep(30)", seconds=2) == process.Output(b"", "late")


def test_a_program_runs_beside_a_thousand_connections(run):
    soft, hard = getrlimit(RLIMIT_NOFILE)
    setrlimit(RLIMIT_NOFILE, (hard, hard))
    with ExitStack() as stack:
        stack.callback(setrlimit, RLIMIT_NOFILE, (soft, hard))
        while stack.enter_context(socket()).fileno() < FD_SETSIZE:
            pass
        assert run("print(7)") == process.Output(b"7\n")


def test_a_program_that_does_not_read_is_no_error(run):
    assert run("import sys; sys.stdin.close(); print(7)") == process.Output(b"7\n")
