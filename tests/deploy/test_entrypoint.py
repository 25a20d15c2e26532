"""deploy/entrypoint runs the parts of the service, here with programs that only print how they are called."""

import os
import signal
import subprocess
from contextlib import contextmanager
from itertools import islice

import pytest

from app.cli import COMMANDS
from tests.support.live import ROOT

ENTRYPOINT = ROOT / "deploy" / "entrypoint"
RELEASE = ["flask db upgrade", "flask runs explain", "flask datasets index"]
DAILY = ["flask runs reap", "flask runs explain", "flask idempotency purge"]
HOURLY = ["flask datasets inspect --stale 24 --time 1800"]


@pytest.fixture
def programs(tmp_path):
    """A folder for PATH: each program prints its name and its arguments."""
    for name in ("flask", "gunicorn", "sleep"):
        write(tmp_path / name, f'echo "{name} $*"')
    return tmp_path


def write(path, script):
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


@contextmanager
def started(programs, *arguments):
    env = {"PATH": f"{programs}:{os.environ['PATH']}"}
    streams = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    with subprocess.Popen([ENTRYPOINT, *arguments], env=env, cwd="/", **streams) as process:
        try:
            yield process
        finally:
            process.kill()


def run(programs, *arguments):
    with started(programs, *arguments) as process:
        return process.communicate()[0].splitlines(), process.returncode


@pytest.mark.parametrize(
    ("part", "commands"), [("release", RELEASE), ("daily", DAILY), ("hourly", HOURLY), ("web", ["gunicorn wsgi:app"])]
)
def test_a_part_runs_its_commands(programs, part, commands):
    assert run(programs, part) == (commands, 0)


def test_the_default_part_is_web(programs):
    assert run(programs) == (["gunicorn wsgi:app"], 0)


def test_anything_else_is_run_as_a_command_in_the_folder_of_the_project(programs):
    assert run(programs, "pwd") == ([str(ROOT)], 0)
    assert run(programs, "flask", "doctor") == (["flask doctor"], 0)


@pytest.mark.parametrize("part", ["release", "daily", "hourly"])
def test_a_part_ends_with_the_code_of_a_command_that_fails(programs, part):
    write(programs / "flask", "exit 3")
    assert run(programs, part) == ([], 3)


def test_the_server_gets_the_signals_of_the_container(programs):
    write(programs / "gunicorn", 'echo "$$"')
    with started(programs, "web") as process:
        assert process.stdout.read() == f"{process.pid}\n"


def test_the_scheduler_runs_the_hourly_commands_24_times_for_each_daily_run(programs):
    day = [*DAILY, *[*HOURLY, "sleep 3600"] * 24]
    with started(programs, "scheduler") as process:
        lines = [line.strip() for line in islice(process.stdout, 2 * len(day))]
    assert lines == day * 2


def test_the_scheduler_says_that_a_command_failed_and_goes_on(programs):
    write(programs / "flask", "exit 3")
    with started(programs, "scheduler") as process:
        daily, hourly, pause = [line.strip() for line in islice(process.stdout, 3)]
    assert daily == "scheduler: the daily commands failed, and will be repeated at their next time"
    assert hourly == daily.replace("daily", "hourly")
    assert pause == "sleep 3600"


@pytest.mark.parametrize("slow", ["flask", "sleep"])
def test_the_scheduler_ends_at_once_while_a_command_runs(programs, slow):
    write(programs / slow, "echo slow; exec tail -f /dev/null")
    with started(programs, "scheduler") as process:
        assert "slow\n" in process.stdout
        process.send_signal(signal.SIGTERM)
        assert process.wait() == 0


def test_the_commands_exist():
    groups = {command.name: set(getattr(command, "commands", ())) for command in COMMANDS}
    for command in (*RELEASE[1:], *DAILY, *HOURLY):
        _, group, name, *_ = command.split()
        assert name in groups[group]
