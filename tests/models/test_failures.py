"""Each file in tests/models/failures is an output of a runner. Its first lines say how it must be explained."""

import json
import time
from pathlib import Path

import pytest

from app.models.failure_rules import CLASSES, RULES, WHO
from app.models.failures import EVIDENCE_MAX, TEXT_MAX, explain

OUTPUTS = sorted(Path(__file__).with_name("failures").glob("*.txt"))


def read(path):
    """The expected values of an output, and the output."""
    head, _, output = path.read_text().partition("\n---\n")
    return dict(line.split(": ", 1) for line in head.split("\n") if not line.startswith("#")), output


def nothing():
    return ""


def cause(text, conclusion="failure"):
    return explain(conclusion, text, nothing)


@pytest.mark.parametrize("path", OUTPUTS, ids=lambda path: path.stem)
def test_an_output_of_a_runner_is_explained(path):
    expected, output = read(path)
    failure = cause(output)
    assert {name: failure[name] for name in expected} == expected
    assert failure["class"] == next(rule.failure_class for rule in RULES if rule.name == expected["rule"])


def test_every_rule_has_an_output_of_its_own():
    assert {read(path)[0]["rule"] for path in OUTPUTS} == {rule.name for rule in RULES}


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_a_rule_is_complete(rule):
    assert rule.failure_class in CLASSES
    assert rule.who in WHO
    assert rule.cause.endswith(".")
    assert rule.next_step.endswith(".")


def test_names_of_rules_are_unique():
    assert len({rule.name for rule in RULES}) == len(RULES)


@pytest.mark.parametrize("conclusion", ["success", "cancelled", "neutral", "skipped", "action_required", None])
def test_a_run_that_did_not_fail_has_no_failure(conclusion):
    assert cause("MemoryError", conclusion) is None


@pytest.mark.parametrize("message", [None, "", '{"flow_id": "5437e207"}', '{"deployment_id": 548187443}'])
def test_without_a_reason_a_failure_is_unknown(message):
    failure = cause(message)
    assert (failure["class"], failure["rule"], failure["evidence"], failure["line"]) == ("unknown", None, None, None)
    assert "neither a traceback nor a log" in failure["cause"]


def test_an_error_that_no_rule_knows_is_unknown_and_shown():
    failure = cause("Traceback (most recent call last)\nmypackage.OddError: 7 is odd")
    assert (failure["class"], failure["rule"]) == ("unknown", None)
    assert failure["evidence"] == "mypackage.OddError: 7 is odd"


@pytest.mark.parametrize(("conclusion", "expected"), [("stale", "lost"), ("timed_out", "timed_out")])
def test_a_run_that_the_service_has_ended_is_explained_by_its_conclusion(conclusion, expected):
    failure = cause('{"job_id": "7"}', conclusion)
    assert (failure["class"], failure["rule"], failure["who"]) == (expected, None, "operator")


def test_an_error_in_the_log_explains_a_run_that_timed_out():
    failure = explain("timed_out", None, lambda: "numpy.core._exceptions.MemoryError")
    assert failure["class"] == "out_of_memory"


def test_the_log_is_read_only_if_the_message_does_not_explain_the_failure():
    failure = explain("failure", "MemoryError", lambda: pytest.fail("the log was read"))
    assert failure["rule"] == "memory"


def test_a_log_that_is_not_public_is_not_repeated():
    log = "MemoryError: secret project"
    failure = explain("failure", None, lambda: log, show_log=False)
    assert (failure["rule"], failure["evidence"]) == ("memory", None)
    assert explain("failure", None, lambda: log)["evidence"] == log


@pytest.mark.parametrize("name", ["trace", "exc_info", "error", "message"])
def test_the_reason_may_be_a_field_of_json(name):
    assert cause(json.dumps({"job_id": "7", name: "first\nMemoryError"}))["evidence"] == "MemoryError"


def test_lines_of_a_log_may_be_json():
    lines = ['{"message": "Parsing recipes..."}', "{not json", '{"status": "failed", "exc_info": "a\\nMemoryError"}']
    assert cause("\n".join(lines))["evidence"] == "MemoryError"


def test_the_last_traceback_counts_more_than_what_was_before_it():
    handled = "Traceback (most recent call last):\nMemoryError\n"
    last = "Traceback (most recent call last):\nValueError: Found overlapping keys in concat_dim"
    assert cause(handled + last)["rule"] == "sources-do-not-fit"
    assert cause(handled + "Traceback (most recent call last):\nOddError")["rule"] == "memory"


def test_the_line_is_the_last_one_in_the_recipe():
    frames = [
        '  File "/srv/feedstock/recipe.py", line 3, in <module>',
        '  File "/srv/feedstock/helpers.py", line 12, in f',
        '  File "/venv/lib/python3.11/site-packages/xarray/core.py", line 99, in g',
    ]
    assert cause("\n".join([*frames, "MemoryError"]))["line"] == "helpers.py:12"
    assert cause(frames[2] + "\nMemoryError")["line"] is None


@pytest.mark.parametrize(
    "text",
    [
        "FileNotFoundError: [Errno 2] No such file or directory: '/usr/bin/java'",
        "FileNotFoundError: [Errno 2] No such file or directory: 'kubectl'",
        "concurrent.futures._base.TimeoutError",
        "INFO Wrote memory.zarr in 137 seconds, status: done",
        "401 files to go",
        "psycopg2.OperationalError: could not translate host name",
    ],
)
def test_a_text_that_does_not_prove_a_cause_is_unknown(text):
    assert cause(text)["class"] == "unknown"


def test_evidence_is_short():
    assert len(cause("MemoryError " + "x" * 10_000)["evidence"]) == EVIDENCE_MAX


def test_only_the_end_of_a_long_text_is_searched():
    assert cause("MemoryError\n" + "x\n" * TEXT_MAX)["class"] == "unknown"


HOSTILE = [
    "(" * TEXT_MAX,
    "Cannot install " * 20_000,
    "FileNotFoundError: " * 14_000,
    "pip " * 60_000,
    'File "' * 40_000,
    "AccessDenied " * 20_000,
    "{" * TEXT_MAX,
    "a.b.c." * 40_000,
    "\n".join(["Cannot install Command pip NoSuchKey FileNotFoundError HTTPError 404 " * 7] * 500),
]


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_no_text_takes_long(text):
    start = time.process_time()
    cause(text)
    assert time.process_time() - start < 20  # far more than it takes, but a pattern that explodes takes hours
