"""The command `pangeo-forge`, against a service with the example catalogue."""

import json
import os
import pty
import re
import subprocess
import sys
from types import SimpleNamespace

import pytest

from pangeo_forge_client.command import output
from tests.support.live import ROOT
from tests.support.postgres import free_port

START = ("runs", "start", "--feedstock", "pangeo-forge/gpcp-feedstock", "--bakery", "laptop", "--recipe", "gpcp")


@pytest.fixture
def in_terminal(monkeypatch):
    """The output is for people, in a narrow terminal."""
    monkeypatch.setattr(output, "to_people", lambda: True)
    monkeypatch.setenv("COLUMNS", "60")


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("nope",), "No such command 'nope'"),
        (("database", "post", "/bakeries/"), "Missing argument 'DATA'"),
        (("database", "post", "/bakeries/", "{"), "it is not JSON"),
        (("runs", "list", "-F", "status"), "status is not like NAME=VALUE"),
        (("datasets", "search", "--bbox", "1,2"), "1,2 is not four numbers"),
        (("runs", "report", "--status", "completed"), "Give the ID of the run"),
        (("--server", "nowhere", "bakeries", "list"), "nowhere is not the address of a service"),
    ],
)
def test_wrong_usage_is_exit_code_2(pangeo_forge, arguments, sentence):
    code, printed, errors = pangeo_forge(*arguments)
    assert (code, printed) == (2, "")
    assert sentence in errors


def test_a_request_that_the_service_refuses_is_a_sentence_and_exit_code_2(pangeo_forge):
    code, printed, errors = pangeo_forge("database", "post", "/bakeries/", "{}")
    assert (code, printed) == (2, "")
    assert errors.startswith("Error: region: ")
    assert "  body /name: " in errors
    assert re.search(r"The service logged this as request \w+ \(status 422\)\.\n$", errors)


def test_a_service_that_does_not_answer_is_a_sentence_and_exit_code_3(pangeo_forge):
    address = f"http://127.0.0.1:{free_port()}"
    code, printed, errors = pangeo_forge("--server", address, "bakeries", "list")
    assert (code, printed) == (3, "")
    assert f"Error: No answer from {address}: " in errors


def test_an_interrupt_is_exit_code_130(pangeo_forge, monkeypatch):
    def interrupt(*_arguments):
        raise KeyboardInterrupt

    monkeypatch.setattr("pangeo_forge_client.command.watching._watched", interrupt)
    assert pangeo_forge("runs", "watch", "1")[0] == 130


def test_a_reader_that_has_enough_is_no_error(forge_service):
    command = f"{sys.executable} -m pangeo_forge_client runs list --json --server {forge_service} | head -n 1; "
    done = subprocess.run(["bash", "-c", f"{command} exit ${{PIPESTATUS[0]}}"], env=environment(), capture_output=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"[\n", b"")


def test_lists_are_lines_with_tabs_for_programs(pangeo_forge):
    code, printed, _ = pangeo_forge("runs", "list", "--recipe", "gpcp", "--status", "queued")
    assert code == 0
    assert "1\tqueued\tgpcp\t2\t1\tno\t2026-03-16T12:34:00Z\t\n" in printed


def test_lists_are_tables_for_people(pangeo_forge, in_terminal):
    _, printed, _ = pangeo_forge("bakeries", "list")
    heading, *rows = printed.splitlines()
    assert heading.startswith("ID  NAME")
    assert all(len(line) <= 60 for line in rows)
    assert rows[0].index("us-central1") == heading.index("REGION")


def test_states_have_colours_unless_the_user_wants_none(in_terminal, monkeypatch):
    run = SimpleNamespace(conclusion="success", status="completed")
    assert output.state(run) == "\x1b[32msuccess\x1b[0m"
    monkeypatch.setenv("NO_COLOR", "1")
    assert output.state(run) == "success"


def test_an_empty_list_says_so_to_people(pangeo_forge, in_terminal):
    assert pangeo_forge("runs", "list", "-F", "recipe_id=none")[:2] == (0, "Nothing found.\n")


@pytest.mark.parametrize("noun", ["runs", "feedstocks", "bakeries", "keys"])
def test_lists_are_json_of_the_service(pangeo_forge, noun):
    path = {"runs": "recipe_runs", "keys": "api-keys"}.get(noun, noun)
    sent = json.loads(pangeo_forge("database", "get", f"/{path}?order_by=id&sort=desc")[1])
    code, printed, _ = pangeo_forge(noun, "list", "--json", "--all", "-F", "order_by=id", "-F", "sort=desc")
    assert (code, json.loads(printed)) == (0, sent)


def test_runs_are_found_by_names_and_any_filter(pangeo_forge):
    arguments = ("--feedstock", "Pangeo-Forge/GPCP-feedstock", "--bakery", "devseed-veda", "-F", "conclusion=failure")
    found = json.loads(pangeo_forge("runs", "list", "--json", *arguments, "-F", "conclusion=timed_out")[1])
    assert {run["conclusion"] for run in found} <= {"failure", "timed_out"}
    assert {(run["feedstock_id"], run["bakery_id"]) for run in found} <= {(2, 2)}


def test_a_run_is_shown_with_its_names(pangeo_forge):
    _, printed, _ = pangeo_forge("runs", "show", "1")
    shown = dict(re.split(r"\s{2,}", line, maxsplit=1) for line in printed.splitlines())
    assert (shown["feedstock"], shown["state"]) == ("pangeo-forge/gpcp-feedstock", "queued")
    assert json.loads(pangeo_forge("runs", "show", "1", "--json")[1])["bakery"]["id"] == 1


def test_a_run_is_started_and_prints_its_id(pangeo_forge):
    code, printed, _ = pangeo_forge(*START, "--commit", "abc", "--test", "--dataset-type", "zarr")
    run = json.loads(pangeo_forge("runs", "show", printed.strip(), "--json")[1])
    assert (code, run["status"], run["is_test"], run["dataset_type"]) == (0, "in_progress", True, "zarr")
    twice = {pangeo_forge(*START, "--commit", "abc", "--queued", "--idempotency-key", "job-1")[1] for _ in range(2)}
    assert len(twice) == 1


@pytest.mark.parametrize(("conclusion", "code"), [("success", 0), ("skipped", 0), ("failure", 1), ("cancelled", 1)])
def test_watching_a_run_ends_with_its_result(pangeo_forge, conclusion, code):
    run = pangeo_forge(*START, "--commit", "abc")[1].strip()
    pangeo_forge("database", "patch", f"/recipe_runs/{run}", json.dumps({"conclusion": conclusion}))
    found, printed, _ = pangeo_forge("runs", "watch", run, "--json")
    assert (found, json.loads(printed)["conclusion"]) == (code, conclusion)


def test_a_terminal_shows_the_progress_of_a_run_that_another_one_reports(pangeo_forge, forge_service):
    run = pangeo_forge(*START, "--commit", "abc", "--queued")[1].strip()
    master, slave = pty.openpty()
    command = [sys.executable, "-m", "pangeo_forge_client", "runs", "watch", run, "--interval", "0.1"]
    env = environment(PANGEO_FORGE_SERVER=forge_service, TERM="xterm", COLUMNS="80")
    with subprocess.Popen(command, env=env, stdin=slave, stdout=slave, stderr=slave) as watching:
        os.close(slave)
        seen = read_until(master, b"queued for ")
        pangeo_forge("database", "patch", f"/recipe_runs/{run}", '{"status": "in_progress"}')
        seen += read_until(master, b"in progress for ")
        pangeo_forge("database", "patch", f"/recipe_runs/{run}", '{"conclusion": "failure", "message": "404"}')
        seen += read_until(master, b"next step")
    assert watching.returncode == 1
    assert re.search(rb"runs of this feedstock usually take \d+m\d\ds", seen)


def read_until(terminal, text):
    seen = b""
    while text not in seen:
        seen += os.read(terminal, 1000)
    return seen


def environment(**more):
    return {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT / "client"), "HOME": "/nonexistent", **more}


def test_text_of_runners_cannot_control_a_terminal(pangeo_forge):
    run = pangeo_forge(*START, "--commit", "abc")[1].strip()
    pangeo_forge("database", "patch", f"/recipe_runs/{run}", json.dumps({"message": "\x1b[2Jall is well\x9b\r"}))
    _, printed, _ = pangeo_forge("runs", "show", run)
    assert "\N{REPLACEMENT CHARACTER}[2Jall is well\N{REPLACEMENT CHARACTER}" in printed


def test_datasets_are_searched_and_shown(pangeo_forge):
    [found] = json.loads(pangeo_forge("datasets", "search", "gpcp", "--json")[1])
    _, shown, _ = pangeo_forge("datasets", "show", found["id"])
    assert found["url"] in shown
    assert found["snippet"] in shown
    assert pangeo_forge("datasets", "open", found["id"], "--code")[1] == found["snippet"] + "\n"
    assert pangeo_forge("datasets", "search", "nothing-like-this")[:2] == (0, "")


def test_datasets_are_searched_with_options_or_filters(pangeo_forge):
    given = ("--bbox", "-10,35,30,60", "--datetime", "2000-01-01/..", "--variable", "sst", "--keyword", "ocean")
    texts = ("bbox=-10,35,30,60", "datetime=2000-01-01/..", "variable=sst", "keyword=ocean", "q=gpcp")
    filters = [part for text in texts for part in ("-F", text)]
    for arguments in (given, filters):
        assert pangeo_forge("datasets", "search", "gpcp", *arguments, "--json") == (0, "[]\n", "")


def test_feedstocks_and_bakeries_are_added_and_shown(pangeo_forge):
    for _ in range(2):  # safe to repeat
        id = pangeo_forge("feedstocks", "add", "https://github.com/a/new-one")[1].split("\t")[0]
    assert "repository  a/new-one\n" in pangeo_forge("feedstocks", "show", id)[1]
    pangeo_forge("bakeries", "add", "new-bakery", "--region", "eu")
    assert "region      eu\n" in pangeo_forge("bakeries", "show", "new-bakery")[1]


def test_a_new_key_is_alone_on_standard_output(pangeo_forge, monkeypatch):
    code, key, errors = pangeo_forge("keys", "create", "dataflow", "--scope", "bakery:1", "--scope", "bakery:2")
    assert (code, key[:4]) == (0, "pfk_")
    assert "for dataflow: bakery:1, bakery:2." in errors
    monkeypatch.setenv("PANGEO_FORGE_API_KEY", key.strip())
    me = json.loads(pangeo_forge("keys", "me", "--json")[1])
    monkeypatch.undo()
    assert me["scopes"] == ["bakery:1", "bakery:2"]


def test_a_key_is_rotated_and_revoked(pangeo_forge):
    id = json.loads(pangeo_forge("keys", "create", "old", "--json")[1])["id"]
    new = json.loads(pangeo_forge("keys", "rotate", id, "--json", "--grace-hours", "0")[1])
    assert (new["label"], new["id"] != id) == ("old", True)
    assert "\tno\t" in pangeo_forge("keys", "revoke", new["id"])[1]


def test_every_command_has_a_sentence_of_help(pangeo_forge):
    for arguments in ((), ("runs",), ("datasets",), ("database",), ("runs", "report")):
        code, printed, _ = pangeo_forge(*arguments, "--help")
        assert code == 0
        assert printed.startswith("Usage: pangeo-forge")


def test_runs_have_names_for_people(pangeo_forge, in_terminal, monkeypatch):
    monkeypatch.setenv("COLUMNS", "150")
    _, printed, _ = pangeo_forge("runs", "list", "-F", "id=1")
    assert re.search(r"1   queued +gpcp +pangeo-forge/gpcp-feedstock  pangeo-ldeo-nsf-earthcube  no ", printed)


def test_a_dataset_is_opened_and_printed(pangeo_forge, monkeypatch):
    monkeypatch.setattr("pangeo_forge_client.records.Dataset.open", lambda _dataset: "<xarray.Dataset>\x1b[2J")
    assert pangeo_forge("datasets", "open", "7")[:2] == (0, "<xarray.Dataset>\N{REPLACEMENT CHARACTER}[2J\n")


@pytest.mark.parametrize(
    "arguments", [("bakeries", "show", "laptop"), ("feedstocks", "show", "2"), ("datasets", "show", "7")]
)
def test_a_record_is_json_of_the_service(pangeo_forge, arguments):
    shown = json.loads(pangeo_forge(*arguments, "--json")[1])
    path = f"/{arguments[0]}/{shown['id']}"
    sent = json.loads(pangeo_forge("database", "get", path)[1])
    assert shown == {name: value for name, value in sent.items() if arguments[0] == "datasets" or name != "recipe_runs"}
