"""The timeline on the page of a run."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from app.dashboard.words import aware, moment, plain

TIMES = ("started_at", "completed_at")


@dataclass(frozen=True)
class Entry:
    """One event of the timeline. `changes` has the old and the new value of each changed field."""

    at: datetime
    title: str
    actor: str | None = None
    reason: str | None = None
    changes: Mapping[str, tuple[Any, Any]] = field(default_factory=dict)


def timeline(run: Mapping[str, Any], events: Iterable[Mapping[str, Any]]) -> list[Entry]:
    """Return the start of the run or that it was queued, its events and its end, oldest first.

    The end is omitted if an event has the conclusion. Runs of the original have no events, and some of them end before
    they start: their start comes first.
    """
    history = [_entry(event) for event in events]
    has_started = run["status"] != "queued" and run["conclusion"] != "stale"
    entries = [Entry(aware(run["started_at"]), "Started" if has_started else "Queued"), *history]
    if run["completed_at"] and not any("conclusion" in entry.changes for entry in history):
        entries.append(Entry(aware(run["completed_at"]), _outcome("completed", run["conclusion"])))
    return sorted(entries, key=lambda entry: entry.at) if history else entries


def _entry(event: Mapping[str, Any]) -> Entry:
    before, after = event["from"] or {}, event["to"]
    changes = {name: (_shown(name, before.get(name)), _shown(name, value)) for name, value in after.items()}
    if event["from"] is None:
        title = f"Recorded as {plain(after.get('status', 'queued'))}"
    elif "status" in after or "conclusion" in after:
        title = _outcome(after.get("status"), after.get("conclusion"))
    else:
        title = f"Changed {', '.join(map(plain, after))}"
    return Entry(aware(event["at"]), title, event["actor"], event["reason"], changes)


def _shown(name: str, value: Any) -> Any:
    """Return the value of a field as the page shows it: of a time, the minute."""
    return moment(datetime.fromisoformat(value)) if value and name in TIMES else value


def _outcome(status: str | None, conclusion: str | None) -> str:
    if conclusion:
        return f"Ended: {plain(conclusion)}"
    return "Ended" if status == "completed" else f"Became {plain(status or 'open')}"
