"""Loads an export."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

import orjson
from sqlalchemy import Column, Connection, Executable, Table, delete, exists, insert, select, update
from sqlalchemy.exc import DataError, IntegrityError

from app.database.columns import UTCDateTime, max_value
from app.database.deadline import lift_limits
from app.models.datasets import DATASETS
from app.services.archive import sequences
from app.services.archive.format import BATCH, FORMAT, ArchiveError, tables

KINDS = {
    str: "a string",
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    dict: "an object",
    list: "a list",
}
DATABASE_ERRORS = (IntegrityError, DataError, ValueError, OverflowError)


def load(connection: Connection, lines: Iterable[bytes], revision: str) -> int:
    """Import an export into an empty database at `revision`. Return the number of rows; the caller commits.

    Raises ArchiveError. The caller must then roll back the transaction.
    """
    lift_limits(connection)
    _lock_empty_tables(connection)
    loader, line = Loader(connection), 0
    for line, text in enumerate(lines, 1):
        entry = _parse(line, text)
        if line == 1:
            _check_header(entry, revision)
        else:
            loader.load(line, entry)
    if not loader.complete:
        raise ArchiveError(f"The export is truncated: the number of rows is missing after line {line}.")
    # Last, because PostgreSQL does not roll back a change of a sequence.
    for table in filter(sequences.assigns_ids, tables()):
        sequences.set_last_id(connection, table, loader.last_ids.get(table.name, 0))
    return loader.rows


class Loader:
    """Reads the lines of an export and inserts the rows in batches."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.tables = {table.name: table for table in tables()}
        self.rows = 0
        self.complete = False
        self.batch: list[tuple[int, dict[str, Any]]] = []
        self.batch_table: Table | None = None
        self.deferred: list[tuple[int, Executable]] = []
        self.last_ids: dict[str, int] = {}

    def load(self, line: int, entry: dict[str, Any]) -> None:
        if self.complete:
            raise ArchiveError.at(line, "the number of rows must be the last line")
        match entry:
            case {"table": str(name), "row": dict(row), **rest} if not rest:
                self.add(line, self.table(line, name), row)
            case {"sequence": str(name), "last": int(last), **rest} if not rest:
                (key,) = self.table(line, name).primary_key
                if not 0 <= last <= max_value(key):
                    raise ArchiveError.at(line, f"{last} is not a valid id")
                self.last_ids[name] = last
            case {"rows": int(rows), **rest} if not rest:
                self.end(line, rows)
            case _:
                raise ArchiveError.at(line, "this is not a line of an export")

    def table(self, line: int, name: str) -> Table:
        if name not in self.tables:
            raise ArchiveError.at(line, f"there is no table {name!r}")
        return self.tables[name]

    def add(self, line: int, table: Table, row: dict[str, Any]) -> None:
        """Add a row to the batch. References to later rows of the same table are set after the last row."""
        if table is not self.batch_table or len(self.batch) == BATCH:
            self.flush()
            if table is DATASETS and self.batch_table is not DATASETS:
                self.connection.execute(delete(DATASETS))  # those that triggers have created, with their events
            self.batch_table = table
        values = _values(line, table, row)
        if ahead := _references_ahead(table, values):
            (key,) = table.primary_key
            self.deferred.append((line, update(table).where(key == values[key.name]).values(ahead)))
            values |= dict.fromkeys(ahead)
        self.batch.append((line, values))
        self.rows += 1

    def flush(self) -> None:
        """Insert the batch. If the database refuses it, insert row by row, so that the error names the line."""
        if self.batch_table is None or not self.batch:
            return
        try:
            with self.connection.begin_nested():
                self.connection.execute(insert(self.batch_table), [values for _, values in self.batch])
        except DATABASE_ERRORS:
            for line, values in self.batch:
                self.execute(line, insert(self.batch_table).values(values))
        self.batch = []

    def end(self, line: int, rows: int) -> None:
        self.flush()
        for origin, statement in self.deferred:
            self.execute(origin, statement)
        if rows != self.rows:
            raise ArchiveError.at(line, f"this line counts {rows} rows, but {self.rows} came before it")
        self.complete = True

    def execute(self, line: int, statement: Executable) -> None:
        try:
            self.connection.execute(statement)
        except DATABASE_ERRORS as error:
            reason = " ".join(str(getattr(error, "orig", error)).split())
            raise ArchiveError.at(line, f"the database refuses this row: {reason}") from None


def _lock_empty_tables(connection: Connection) -> None:
    """Lock the tables against other writers and raise ArchiveError if one has rows. SQLite has only one writer."""
    if connection.dialect.name == "postgresql":
        names = ", ".join(table.name for table in tables())
        connection.exec_driver_sql(f"LOCK TABLE {names} IN SHARE ROW EXCLUSIVE MODE")
    if full := [table.name for table in tables() if connection.scalar(select(exists(select(table))))]:
        raise ArchiveError(f"The database is not empty: there are rows in {', '.join(full)}.")


def _parse(line: int, text: bytes) -> dict[str, Any]:
    try:
        entry = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise ArchiveError.at(line, f"this is not JSON: {error}") from None
    if not isinstance(entry, dict):
        raise ArchiveError.at(line, "this is not a JSON object")
    return entry


def _check_header(entry: dict[str, Any], revision: str) -> None:
    if entry.get("pangeo_forge_export") != FORMAT:
        raise ArchiveError.at(1, f"this is not the first line of an export in format {FORMAT}")
    if entry.get("revision") != revision:
        difference = f"the export has revision {entry.get('revision')}, this database has {revision}"
        raise ArchiveError.at(1, f"{difference}; import it with the release that wrote it, then run `flask db upgrade`")


def _values(line: int, table: Table, row: dict[str, Any]) -> dict[str, Any]:
    """Return the values of the row by column. Raises ArchiveError for an unknown or missing column or a wrong type."""
    for name in row.keys() ^ table.columns.keys():
        reason = "there is no column" if name in row else "a value is missing for"
        raise ArchiveError.at(line, f"{reason} {table.name}.{name}")
    try:
        return {column.name: _value(column, row[column.name]) for column in table.columns}
    except ValueError as error:
        raise ArchiveError.at(line, str(error)) from None


def _value(column: Column[Any], value: Any) -> Any:
    kind = column.type.python_type
    if value is None and column.nullable:
        return None
    if isinstance(column.type, UTCDateTime):
        if isinstance(value, str) and value.endswith("Z"):
            return datetime.fromisoformat(value)
        raise ValueError(f"{column} must be a timestamp that ends in Z")
    if value is None or (kind in KINDS and type(value) is not kind):
        raise ValueError(f"{column} must be {KINDS.get(kind, 'not null')}")
    if isinstance(value, str) and "\0" in value:
        raise ValueError(f"{column} must not contain the character U+0000")
    if kind is int and abs(value) > max_value(column):
        raise ValueError(f"{column} must fit {max_value(column).bit_length() + 1} bits")
    return value


def _references_ahead(table: Table, values: dict[str, Any]) -> dict[str, int]:
    """Return the references of a row to later rows of the same table, which have higher ids."""
    return {
        key.parent.name: values[key.parent.name]
        for key in table.foreign_keys
        if key.column.table is table and (values[key.parent.name] or 0) > values[key.column.name]
    }
