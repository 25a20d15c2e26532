"""How far the ids of a table have been given out: none is given out twice, not even that of a deleted row."""

from typing import Any

from sqlalchemy import ColumnElement, Connection, Integer, Table, cast, column, func, select, table
from sqlalchemy.dialects.postgresql import REGCLASS

SQLITE_SEQUENCE = table("sqlite_sequence", column("name"), column("seq", Integer))


def numbers(of: Table) -> bool:
    """Whether the table gives ids to its rows."""
    return of.autoincrement_column is not None


def last_id(connection: Connection, of: Table) -> int:
    """The highest id that was ever given out, 0 if none was."""
    if connection.dialect.name == "postgresql":
        given = connection.scalar(select(func.pg_sequence_last_value(_sequence(of))))
    else:
        given = connection.scalar(select(SQLITE_SEQUENCE.c.seq).where(SQLITE_SEQUENCE.c.name == of.name))
    return max(given or 0, _highest(connection, of))


def move(connection: Connection, of: Table, last: int) -> None:
    """Go on after `last`, and in any case after the ids of the rows."""
    last = max(last, _highest(connection, of))
    if connection.dialect.name == "postgresql":
        connection.execute(select(func.setval(_sequence(of), max(last, 1), last > 0)))
        return
    connection.execute(SQLITE_SEQUENCE.delete().where(SQLITE_SEQUENCE.c.name == of.name))
    if last:
        connection.execute(SQLITE_SEQUENCE.insert().values(name=of.name, seq=last))


def _highest(connection: Connection, of: Table) -> int:
    (key,) = of.primary_key
    return connection.scalar(select(func.max(key))) or 0


def _sequence(of: Table) -> ColumnElement[Any]:
    (key,) = of.primary_key
    return cast(func.pg_get_serial_sequence(of.name, key.name), REGCLASS)
