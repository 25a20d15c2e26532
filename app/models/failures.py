"""Explains failures: finds the rule (`app.models.failure_rules`) that knows the error of a run."""

import re
from collections import deque
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any, NamedTuple

import orjson

from app.database.fairness import let_others_run
from app.models.failure_rules import LOST, MAINTAINER, OPERATOR, RULES, TIMED_OUT, UNKNOWN, Rule

FAILING = ("failure", "timed_out", "stale")  # the conclusions that are explained
TEXT_MAX = 128 * 1024  # characters from the end of a message or a log
LONG = 16 * 1024  # characters of a text that takes so long that other requests run between two patterns
LINE_MAX = 500  # characters of a line, so that no pattern takes long
VALUE_MAX, EVIDENCE_MAX = 200, 300  # characters of a group in a sentence, and of the line that matched
# The fields in which runners report errors, if a message or a line of a log is JSON.
FIELDS = ("message", "error", "reason", "exc_info", "traceback", "trace")
TRACEBACK = "Traceback (most recent call last)"
FRAME = re.compile(r'File "(?P<file>[^"]{1,400})", line (?P<line>\d{1,7})')
LIBRARIES = re.compile(r"site-packages|dist-packages|/lib/python\d|/bin/|<|pangeo_forge_runner")
PATH = re.compile(r"[/\\]")
ERROR = re.compile(r"^(?:[A-Za-z_][\w.]{0,150}(?:Error|Exception|Interrupt)\b|E(?:RROR|rror)\b).{0,400}", re.MULTILINE)


class Verdict(NamedTuple):
    """The class of a failure, its cause, what to do about it, and who can do that."""

    failure_class: str
    cause: str
    next_step: str
    who: str


NEVER_STARTED = Verdict(
    LOST,
    "No runner has started the run.",
    "Check that the bakery's runner works and receives new runs. Then start the run again.",
    OPERATOR,
)
TOO_LONG = Verdict(
    TIMED_OUT,
    "The runner did not report an end within the time limit of its bakery.",
    "Look into the log of the runner: it has crashed, or the run needs a longer limit (`flask runs timeout`).",
    OPERATOR,
)
SILENT = Verdict(
    UNKNOWN,
    "The runner gave no reason: the run has neither a traceback nor a log.",
    "Let the runner send its log to POST /recipe_runs/{id}/logs, and the traceback when it reports a failure.",
    OPERATOR,
)
UNRECOGNISED = Verdict(
    UNKNOWN,
    "No rule knows this error.",
    "Read the end of the log. If other runs may have the same error, ask the developers of the service for a rule.",
    MAINTAINER,
)


def explain(
    conclusion: str | None, message: str | None, read_log: Callable[[], str], *, show_log: bool = True
) -> dict[str, Any] | None:
    """Return why a run failed, as the JSON of its field `failure`; None if it did not fail.

    The message is read first, and the log only if no rule knows the message. `show_log` is whether everyone may read
    the log: if not, no line of it is repeated.
    """
    if conclusion not in FAILING:
        return None
    errors, texts = [], []
    for given, shown in _texts(message, read_log, show_log):
        text = prepared(given)
        if match := recognise(text):
            rule, evidence = match
            return _failure(_verdict(rule, evidence), rule.name, _line_of(evidence) if shown else None, text)
        errors += [error[0] for error in _last(ERROR, text) if shown]
        texts.append(text)
    known = {"stale": NEVER_STARTED, "timed_out": TOO_LONG}.get(conclusion)
    verdict = known or (UNRECOGNISED if any(texts) else SILENT)
    return _failure(verdict, None, errors[0] if errors else None, "\n".join(texts))


def _texts(message: str | None, read_log: Callable[[], str], show_log: bool) -> Iterator[tuple[str, bool]]:
    yield message or "", True
    yield read_log(), show_log


def prepared(text: str) -> str:
    """Return the lines of a message or a log in which errors are searched."""
    lines = (line for part in text[-TEXT_MAX:].split("\n") for line in _expanded(part))
    return "\n".join(line[:LINE_MAX].rstrip() for line in lines)


def recognise(text: str) -> tuple[Rule, re.Match[str]] | None:
    """Return the first rule that matches a prepared text, with its last match.

    It is searched in the last traceback, then anywhere, and then among the general rules.
    """
    start = text.rfind(TRACEBACK)
    parts = [(text[start:], False)] if start > 0 else []
    for part, general in (*parts, (text, False), (text, True)):
        for rule, pattern in _patterns(general):
            for found in _last(pattern, part):
                return rule, found
            if len(part) > LONG:
                let_others_run()
    return None


def _expanded(line: str) -> Iterator[str]:
    """Yield the lines in a line: those of the fields of JSON, and those in which `\\n` is written as two characters."""
    if line.startswith("{"):
        try:
            fields = orjson.loads(line)
        except orjson.JSONDecodeError:
            yield from line.split("\\n")
            return
        for value in (fields[name] for name in FIELDS if isinstance(fields.get(name), str)):
            for inner in value.split("\n"):
                yield from inner.split("\\n")
        return
    yield from line.split("\\n")


def _verdict(rule: Rule, evidence: re.Match[str]) -> Verdict:
    values = {name: (value or "")[:VALUE_MAX].strip(" .") for name, value in evidence.groupdict().items()}
    return Verdict(rule.failure_class, rule.cause.format_map(values), rule.next_step, rule.who)


def _line_of(found: re.Match[str]) -> str:
    """Return the line that has the match."""
    begin, end = found.string.rfind("\n", 0, found.start()) + 1, found.string.find("\n", found.start())
    return found.string[begin : end if end >= 0 else None]


def _failure(verdict: Verdict, rule: str | None, evidence: str | None, text: str) -> dict[str, Any]:
    shown = evidence and evidence.strip()[:EVIDENCE_MAX]
    failure = {"class": verdict.failure_class, "cause": verdict.cause, "next_step": verdict.next_step}
    return failure | {"who": verdict.who, "rule": rule, "evidence": shown, "line": _line_of_recipe(text)}


def _line_of_recipe(text: str) -> str | None:
    """Return the last line of a traceback that is in the recipe, such as `recipe.py:12`; None if there is none."""
    frames = [frame for frame in FRAME.finditer(text) if not LIBRARIES.search(frame["file"])]
    return f"{PATH.split(frames[-1]['file'])[-1]}:{frames[-1]['line']}" if frames else None


def _last(pattern: re.Pattern[str], text: str) -> "deque[re.Match[str]]":
    """Return the last match, or none."""
    return deque(pattern.finditer(text), maxlen=1)


@cache
def _patterns(general: bool) -> list[tuple[Rule, re.Pattern[str]]]:
    rules = [rule for rule in RULES if rule.general is general]
    return [(rule, re.compile(pattern, re.MULTILINE)) for rule in rules for pattern in rule.patterns]
