"""The last assigned id of a table. The database never assigns an id twice, not even that of a deleted row."""

from typing import Any

from sqlalchemy import ColumnElement, Connection, Integer, Table, cast, column, func, select
from sqlalchemy import table as table_clause
from sqlalchemy.dialects.postgresql import REGCLASS

SQLITE_SEQUENCE = table_clause("sqlite_sequence", column("name"), column("seq", Integer))


def assigns_ids(table: Table) -> bool:
    """Whether the database assigns the ids of the table."""
    return table.autoincrement_column is not None


def last_id(connection: Connection, table: Table) -> int:
    """Return the highest id that the database has assigned; 0 if none."""
    if connection.dialect.name == "postgresql":
        assigned = connection.scalar(select(func.pg_sequence_last_value(_sequence(table))))
    else:
        assigned = connection.scalar(select(SQLITE_SEQUENCE.c.seq).where(SQLITE_SEQUENCE.c.name == table.name))
    return max(assigned or 0, _highest(connection, table))


def set_last_id(connection: Connection, table: Table, last: int) -> None:
    """Make the database assign ids above `last` and above the ids of all rows."""
    last = max(last, _highest(connection, table))
    if connection.dialect.name == "postgresql":
        connection.execute(select(func.setval(_sequence(table), max(last, 1), last > 0)))
        return
    connection.execute(SQLITE_SEQUENCE.delete().where(SQLITE_SEQUENCE.c.name == table.name))
    if last:
        connection.execute(SQLITE_SEQUENCE.insert().values(name=table.name, seq=last))


def next_id(connection: Connection, table: Table) -> int:
    """Take the next id that the database would assign to a row of `table`."""
    if connection.dialect.name == "postgresql":
        return connection.scalar(select(func.nextval(_sequence(table)))) or 0
    connection.execute(SQLITE_SEQUENCE.update().values(seq=SQLITE_SEQUENCE.c.seq))  # locks out other writers
    number = last_id(connection, table) + 1
    set_last_id(connection, table, number)
    return number


def _highest(connection: Connection, table: Table) -> int:
    (key,) = table.primary_key
    return connection.scalar(select(func.max(key))) or 0


def _sequence(table: Table) -> ColumnElement[Any]:
    (key,) = table.primary_key
    return cast(func.pg_get_serial_sequence(table.name, key.name), REGCLASS)
