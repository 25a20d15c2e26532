"""Logs, failures and scripts, by the library and by the command."""

import json
import threading

import pytest

from pangeo_forge_client import Client
from tests.support.apps import ADMIN_KEY
from tests.support.factories import STARTED_AT, make_run
from tests.support.own_client import LOST, connected

TRACE = "Traceback (most recent call last):\nFileNotFoundError: https://archive.org/day3.nc\n"


def test_a_text_becomes_lines_of_the_log(app, forge):
    run = make_run(app)
    forge.runs.append_log(run.id, "one\ntwo\nthree\n")
    log = forge.runs.log(run.id, tail=2)
    assert [(line.level, line.message) for line in log.lines] == [("info", "two"), ("info", "three")]
    assert (log.first, log.next, log.total, log.cut_lines, log.log_url) == (1, 3, 3, 0, None)
    assert forge.runs.log_text(run.id) == "one\ntwo\nthree\n"


def test_lines_may_have_a_time_and_a_level(app, forge):
    run = make_run(app)
    forge.runs.append_log(run.id, [{"timestamp": STARTED_AT, "level": "error", "message": "no space"}, {"message": ""}])
    [line] = forge.runs.log(run.id, level="error").lines
    assert (line.timestamp, line.message) == (STARTED_AT, "no space")


def test_a_long_log_is_sent_in_pieces_at_ends_of_lines(app):
    run = make_run(app)
    with connected(app) as (forge, network):
        forge.runs.append_log(run.id, "x" * 99_999 + "\n" + f"{'y' * 999}\n" * 1500)
        assert forge.runs.log(run.id).total == 1501
    assert len(network.sent) == 3
    assert all(request.content.endswith(b"\n") for request in network.sent[:2])


def test_a_piece_whose_answer_is_lost_is_stored_once(app):
    run = make_run(app)
    with connected(app, LOST) as (forge, _network):
        forge.runs.append_log(run.id, "one\n")
        assert forge.runs.log(run.id).total == 1


def test_a_failure_is_an_object_with_the_next_step(app, forge):
    run = make_run(app)
    done = forge.runs.update(run.id, conclusion="failure", message=TRACE)
    assert (done.failure.kind, done.failure.rule) == ("source_not_found", "source-not-found")
    assert done.failure.cause.endswith(".")
    assert done.failure.next_step.endswith(".")
    assert [found.id for found in forge.runs.list(failure_class="source_not_found")] == [run.id]
    assert forge.stats.failures()["classes"][0]["class"] == "source_not_found"


def test_a_script_that_reproduces_a_run_is_text(app, forge):
    assert forge.runs.reproduce(make_run(app).id).startswith("#!")


@pytest.fixture
def run(pangeo_forge):
    """The id of a new run in the example catalogue."""
    start = ("runs", "start", "--feedstock", "2", "--bakery", "3", "--recipe", "gpcp", "--commit", "abc")
    return pangeo_forge(*start)[1].strip()


def test_a_run_that_failed_shows_the_reason_and_the_next_step(pangeo_forge, run):
    pangeo_forge("database", "patch", f"/recipe_runs/{run}", json.dumps({"conclusion": "failure", "message": TRACE}))
    _, shown, _ = pangeo_forge("runs", "show", run)
    assert "class      source_not_found\n" in shown
    assert all(f"{name}  " in shown for name in ("cause", "next step", "who"))
    assert run in pangeo_forge("runs", "list", "--failure-class", "source_not_found")[1]


@pytest.fixture
def runner(forge_service):
    with Client(forge_service, ADMIN_KEY) as runner:
        yield runner


def test_the_whole_log_is_printed_however_long_it_is(pangeo_forge, runner, run):
    runner.runs.append_log(int(run), "".join(f"step {number}\n" for number in range(2500)))
    lines = pangeo_forge("runs", "logs", run)[1].splitlines()
    assert (len(lines), lines[-1].split(" ", 1)[1]) == (2500, "INFO    step 2499")
    [last] = pangeo_forge("runs", "logs", run, "--tail", "1", "--json")[1].splitlines()
    assert json.loads(last)["message"] == "step 2499"


def test_a_log_is_followed_until_the_run_is_completed(pangeo_forge, runner, run):
    runner.runs.append_log(int(run), "one\n")

    def end():
        runner.runs.append_log(int(run), "two\n")
        runner.runs.update(int(run), conclusion="success")

    later = threading.Timer(0.5, end)
    later.start()
    code, printed, _ = pangeo_forge("runs", "logs", run, "--follow")
    later.join()
    assert (code, [line.split()[-1] for line in printed.splitlines()]) == (0, ["one", "two"])


def test_the_script_of_a_run_is_printed_as_it_is(pangeo_forge, runner, run):
    assert pangeo_forge("runs", "reproduce", run) == (0, runner.runs.reproduce(int(run)), "")
