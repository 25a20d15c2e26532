"""What the commands print: tables for people, tabs for other programs, JSON, and states in colour."""

from __future__ import annotations

import datetime as dt
import json
import os
import re
import shutil
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import click

from pangeo_forge_client.loading import Record
from pangeo_forge_client.records import Run

# A message of a runner could contain sequences that control a terminal.
CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
COLOURS = {"success": "green", "neutral": None, "skipped": None, "queued": "yellow", "in_progress": "yellow"}
AGES = ((86400, "day"), (3600, "hour"), (60, "minute"))
SHORTEST = 8  # characters of a column that is cut


class Styled(str):
    """A text with colours. It is not cut."""


def to_people() -> bool:
    return sys.stdout.isatty()


def print_json(value: object) -> None:
    click.echo(json.dumps(value, ensure_ascii=False))


def print_records(records: Iterable[Record], columns: Mapping[str, str], as_json: bool) -> None:
    """Print records: `columns` are the headings with the fields that they show."""
    if as_json:
        print_list(records)
        return
    rows = [[cell(_value(record, name)) for name in columns.values()] for record in records]
    print_table(list(columns), rows)


def print_record(record: Record, columns: Mapping[str, str], as_json: bool) -> None:
    """Print a record as a table of one line, or as a JSON object."""
    if as_json:
        print_json(record.values)
    else:
        print_records([record], columns, as_json)


def print_list(records: Iterable[Record]) -> None:
    """Print a JSON array with a record in each line, as they arrive."""
    separator = "[\n"
    for record in records:
        click.echo(separator + json.dumps(record.values, ensure_ascii=False), nl=False)
        separator = ",\n"
    click.echo("[]" if separator == "[\n" else "\n]")


def print_table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print an aligned table in a terminal, and otherwise lines with tabs, without headings and never cut."""
    if not to_people():
        for row in rows:
            click.echo("\t".join(row))
        return
    if not rows:
        click.echo("Nothing found.")
        return
    lines = [[heading.upper() for heading in headings], *rows]
    widths = _widths(lines, shutil.get_terminal_size().columns)
    for line in lines:
        padded = [_fitted(text, width) for text, width in zip(line, widths, strict=True)]
        click.echo("  ".join(padded).rstrip())


def print_fields(pairs: Iterable[tuple[str, object]]) -> None:
    """Print the pairs that have a value, a line for each."""
    shown = [(name, cell(value)) for name, value in pairs if value not in (None, "", [])]
    width = max((len(name) for name, _ in shown), default=0)
    for name, text in shown:
        click.echo(f"{name.ljust(width)}  {text}")


def cell(value: object) -> str:
    """A value as one line."""
    if isinstance(value, Styled):
        return value
    if value is None:
        return "-" if to_people() else ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, dt.datetime):
        return ago(value) if to_people() else value.strftime("%Y-%m-%dT%H:%M:%SZ")
    if isinstance(value, list):
        return ", ".join(map(cell, value))
    return " ".join(clean(str(value)).split())


def clean(text: str) -> str:
    """The text without characters that control a terminal, except for line breaks and tabs."""
    return CONTROL.sub("\N{REPLACEMENT CHARACTER}", text.replace("\r\n", "\n"))


def state(run: Run) -> Styled:
    """The conclusion of a run, or else its status."""
    text = run.conclusion or run.status
    with_colour = to_people() and not os.environ.get("NO_COLOR")  # https://no-color.org
    return Styled(click.style(text, fg=COLOURS.get(text, "red")) if with_colour else text)


def ago(time: dt.datetime) -> str:
    seconds = (dt.datetime.now(dt.timezone.utc) - time).total_seconds()
    for size, name in AGES:
        if abs(seconds) >= size:
            number = int(abs(seconds) // size)
            text = f"{number} {name}{'' if number == 1 else 's'}"
            return f"{text} ago" if seconds > 0 else f"in {text}"
    return "just now"


def duration(seconds: float) -> str:
    hours, rest = divmod(int(seconds), 3600)
    minutes, rest = divmod(rest, 60)
    return f"{hours}h{minutes:02}m" if hours else f"{minutes}m{rest:02}s"


def _value(record: Record, name: str) -> Any:
    return state(record) if name == "state" and isinstance(record, Run) else getattr(record, name)


def _widths(lines: Sequence[Sequence[str]], available: int) -> list[int]:
    """The widths of the columns. The widest are cut until the lines fit into the terminal."""
    widths = [max(len(click.unstyle(text)) for text in column) for column in zip(*lines, strict=True)]
    while sum(widths) + 2 * (len(widths) - 1) > available and max(widths) > SHORTEST:
        widths[widths.index(max(widths))] -= 1
    return widths


def _fitted(text: str, width: int) -> str:
    length = len(click.unstyle(text))
    if length > width and not isinstance(text, Styled):
        return text[: width - 1] + "…"
    return text + " " * (width - length)
