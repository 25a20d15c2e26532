"""Writes an export."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import orjson
from sqlalchemy import Connection, func, select

from app.database.deadline import lift_limits
from app.extensions import db
from app.services.archive import sequences
from app.services.archive.format import BATCH, FORMAT, tables

SNAPSHOT: dict[str, dict[str, Any]] = {
    "postgresql": {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True},
    "sqlite": {"read_only": True},
}


@contextmanager
def snapshot() -> Iterator[Connection]:
    """Yield a connection whose reads all see the same state of the database, while other transactions can write."""
    options = SNAPSHOT[db.engine.dialect.name]
    with db.engine.connect().execution_options(**options) as connection, connection.begin():
        lift_limits(connection)
        yield connection


def count(connection: Connection) -> int:
    """Return the number of rows of an export."""
    return sum(connection.scalar(select(func.count()).select_from(table)) or 0 for table in tables())


def export(connection: Connection, revision: str) -> Iterator[bytes]:
    """Yield the lines of an export of a database at `revision`."""
    rows = 0
    yield _line({"pangeo_forge_export": FORMAT, "revision": revision})
    for table in tables():
        statement = select(table).order_by(*table.primary_key)
        # orjson refuses a name of SQLAlchemy that is a subclass of str.
        names = [str(column.name) for column in table.columns]
        for row in connection.execute(statement.execution_options(yield_per=BATCH)):
            yield _line({"table": table.name, "row": dict(zip(names, row, strict=True))})
            rows += 1
        if sequences.assigns_ids(table):
            yield _line({"sequence": table.name, "last": sequences.last_id(connection, table)})
    yield _line({"rows": rows})


def _line(entry: dict[str, Any]) -> bytes:
    return orjson.dumps(entry, option=orjson.OPT_UTC_Z | orjson.OPT_APPEND_NEWLINE)
