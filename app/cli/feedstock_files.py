"""Files about feedstocks that commands read, and what they print about them."""

from collections.abc import Callable
from pathlib import Path

import click
from werkzeug.exceptions import HTTPException

from app.extensions import db
from app.services.catalogue_import import Imported
from app.services.yaml_documents import Notes

FILE_MAX = 32 * 1024 * 1024  # bytes


def read_text(path: Path) -> str:
    """The text of a file. Raises ClickException if it is too large or not UTF-8."""
    try:
        if path.stat().st_size > FILE_MAX:
            raise click.ClickException(f"{path} has more than {FILE_MAX} bytes.")
        return path.read_text("utf-8-sig")
    except OSError as error:
        raise click.ClickException(f"{path}: {error.strerror}.") from None
    except UnicodeDecodeError as error:
        raise click.ClickException(f"{path} is not UTF-8: {error.reason} at byte {error.start}.") from None


def take(name: str, progress: str, load: Callable[[Notes], Imported | None]) -> Imported | None:
    """Call `load` in a transaction and print a line with the result, and a line for each note. None if it failed."""
    notes: Notes = []
    imported, reason = None, "ignored"
    try:
        imported = load(notes)
        db.session.commit()
    except HTTPException as error:
        db.session.rollback()
        reason = f"ignored: {error.description}"
    click.echo(f"{progress} {imported.spec if imported else name}: {_summary(imported) if imported else reason}")
    for note in notes:
        click.echo(f"    {note['path']}: {note['reason']}", err=True)
    return imported


def _summary(imported: Imported) -> str:
    parts = ["created" if imported.new else "exists", "described" if imported.described else "same metadata"]
    numbers = {
        "added": imported.added,
        "changed": imported.changed,
        "unchanged": imported.unchanged,
        "ignored": imported.refused,
    }
    datasets = ", ".join(f"{number} {what}" for what, number in numbers.items() if number)
    return ", ".join(parts) + (f"; datasets: {datasets}" if datasets else "")
