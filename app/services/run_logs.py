"""Append to the logs of runs, and read them."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any
from urllib.parse import quote

from sqlalchemy import DateTime, Select, bindparam, delete, func, select, type_coerce

from app.database.columns import now
from app.database.fairness import in_batches, paced
from app.database.statements import Rows, fetch, insert
from app.database.urls import with_encoded_blanks
from app.extensions import db
from app.models import RecipeRun, RunLog, RunLogLine
from app.models.run_logs import LEVEL, LEVEL_MAX, LINE_SIZE, MESSAGE_MAX, SIZE_MAX, SLACK, Entry
from app.services import secrets

# Colours and other commands for a terminal (ECMA-48).
TERMINAL = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)")
PLACEHOLDER = re.compile(r"\{(\w+)\}")


@dataclass(frozen=True)
class Appended:
    """The lines and the bytes that a log has now, and how many of its oldest lines were cut."""

    lines: int
    bytes: int
    cut_lines: int


def entries(text: str) -> list[Entry]:
    """Return the lines of a text, all with the default level and without a time."""
    return [Entry(line.removesuffix("\r")) for line in text.removesuffix("\n").split("\n")] if text else []


def append(run: RecipeRun, added: Sequence[Entry], *known_secrets: str) -> Appended:
    """Add lines to the log of a run whose row is locked, in the caller's transaction. The newest SIZE_MAX bytes stay.

    Secrets are masked first: `known_secrets`, and those that `app.services.secrets` finds. A run that has failed is
    explained again.
    """
    log = db.session.get(RunLog, run.id) or RunLog(recipe_run_id=run.id, lines=0, cut_lines=0, size=0)
    db.session.add(log)
    messages = secrets.scrub([_cleaned(entry.message) for entry in paced(added)], *known_secrets)
    lines = list(_newest(list(_lines(run.id, log.lines, added, messages))))
    for batch in in_batches(lines):
        insert(RunLogLine, batch)
    log.lines += len(added)
    log.size += sum(line["size"] for line in lines)
    if len(lines) < len(added) or log.size > SIZE_MAX + SLACK:
        _cut(log)
    run.explain()
    db.session.flush()
    return Appended(log.lines, log.size, log.cut_lines)


def _lines(run_id: int, number: int, added: Sequence[Entry], messages: list[str]) -> Iterator[dict[str, Any]]:
    """Yield the rows of new lines; the first one has that `number`."""
    time = now()
    for place, (entry, message) in enumerate(zip(added, messages, strict=True)):
        level = entry.level.strip().lower()[:LEVEL_MAX] or LEVEL
        row = {"recipe_run_id": run_id, "number": number + place, "at": entry.at or time, "level": level}
        yield row | {"message": message, "size": len(message.encode()) + LINE_SIZE}


def _newest(lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the newest of `lines` that have SIZE_MAX bytes together; the others would be cut at once."""
    size = 0
    for place in range(len(lines) - 1, -1, -1):
        size += lines[place]["size"]
        if size > SIZE_MAX:
            return lines[place + 1 :]
    return lines


def _cut(log: RunLog) -> None:
    """Delete the oldest lines, so that the others have up to SIZE_MAX bytes."""
    of_run = RunLogLine.recipe_run_id == log.recipe_run_id
    size = func.sum(RunLogLine.size).over(order_by=RunLogLine.number.desc())
    newest = select(RunLogLine.number, size.label("size")).where(of_run).subquery()
    kept = select(func.min(newest.c.number), func.max(newest.c.size)).where(newest.c.size <= SIZE_MAX)
    first, total = db.session.execute(kept).one()
    db.session.execute(delete(RunLogLine).where(of_run, RunLogLine.number < first))
    log.cut_lines, log.size = first, int(total)


def _cleaned(message: str) -> str:
    """Return `message` without commands for a terminal and without NUL, which PostgreSQL cannot store."""
    text = TERMINAL.sub("", message).replace("\0", "\N{REPLACEMENT CHARACTER}")
    if len(text) > MESSAGE_MAX:
        return f"{text[:MESSAGE_MAX]} … ({len(text) - MESSAGE_MAX} more characters were cut)"
    return text


@dataclass(frozen=True)
class Part:
    """Lines of a log: rows with their number, their naive time in UTC, their level and their message.

    `first` is the number of the first line, and `next` that of the first line after them. `total` is the number of all
    lines that the run has sent, of which the first `cut_lines` were cut.
    """

    rows: Rows
    first: int
    next: int
    total: int
    cut_lines: int


def read(run_id: int, *, tail: int | None, offset: int, limit: int | None, levels: list[str] | None) -> Part:
    """Return up to `limit` lines of these levels from number `offset` on, or with `tail` that many of the newest ones.

    Without `limit`, all of them.
    """
    lines, cut_lines = next((tuple(row) for row in fetch(_LOG, {"run": run_id})), (0, 0))
    values = {"run": run_id, "offset": offset, "levels": levels or []}
    count = tail if tail is not None else limit
    rows = fetch(_selection(bool(levels), count is not None, tail is not None), values | {"limit": count})
    if tail is not None:
        rows.reverse()
    # A page that is not full ends at the end of the log, where later lines will be.
    after = rows[-1].number + 1 if rows and len(rows) == count else max(lines, offset)
    first = rows[0].number if rows else min(after, lines)
    return Part(rows, first, after, lines, cut_lines)


_LOG = select(RunLog.lines, RunLog.cut_lines).where(RunLog.recipe_run_id == bindparam("run"))


@lru_cache(maxsize=8)
def _selection(levels: bool, limited: bool, newest: bool) -> Select[Any]:
    number = RunLogLine.number
    at = type_coerce(RunLogLine.at, DateTime).label("at")
    columns: list[Any] = [number, at, RunLogLine.level, RunLogLine.message]
    rows = select(*columns).where(RunLogLine.recipe_run_id == bindparam("run"), number >= bindparam("offset"))
    if levels:
        rows = rows.where(RunLogLine.level.in_(bindparam("levels", expanding=True)))
    rows = rows.order_by(number.desc() if newest else number)
    return rows.limit(bindparam("limit")) if limited else rows


def log_url(template: str | None, values: Mapping[str, Any]) -> str | None:
    """Return where the log of a run is, by the template of its bakery; None if the run lacks a value of it."""
    names = set(PLACEHOLDER.findall(template or ""))
    if template is None or any(values.get(name) is None for name in names):
        return None
    return with_encoded_blanks(PLACEHOLDER.sub(lambda found: quote(str(values[found[1]]), safe=""), template))
