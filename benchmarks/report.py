"""Writes measurements as Markdown between markers of the page on performance, so that no number is typed by hand."""

import platform
import re
from datetime import UTC, datetime

from tests.support import postgres
from tests.support.live import ROOT

DOCUMENT = ROOT / "docs/contributing/performance.md"


def write(name, text):
    """Put `text` between the markers called `name`, and print it."""
    document = DOCUMENT.read_text()
    start, end = f"<!-- {name}: written by make bench -->\n", f"<!-- end of {name} -->\n"
    before, rest = document.split(start)
    _, after = rest.split(end)
    DOCUMENT.write_text(f"{before}{start}\n{text}\n{end}{after}")
    print(f"\n{text}")


def table(*rows):
    """A Markdown table. The first row is its head; the first column is text, the others are numbers."""
    first, *others = rows
    lines = [first, ["---", *("---:" for _ in first[1:])], *others]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def machine(server):
    """The date, the machine and the versions, as a sentence."""
    with open("/proc/cpuinfo") as file:
        text = file.read()
    cores, name = text.count("processor\t"), re.search(r"model name\s*: (.*)", text)
    [(version,)] = postgres.execute(server, "SHOW server_version")
    return (
        f"{datetime.now(UTC):%d %B %Y}, {cores} cores{f' of {name[1]}' if name else ''}, Python "
        f"{platform.python_version()}, PostgreSQL {version.split()[0]} on the same machine."
    )
