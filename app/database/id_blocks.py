"""Where the ids of the rows of a time begin and end.

A list in the order of ids would read every row before the first one of the time. But ids and times mostly go together.
So ids are divided into blocks, an index (`block_index`) has the block and the time of each row, and the first block
with a row of the time is found from a few entries of the index for each block before it.
"""

from typing import Any

from sqlalchemy import (
    BigInteger,
    BindParameter,
    Column,
    ColumnElement,
    Index,
    ScalarSelect,
    bindparam,
    cast,
    column,
    func,
    literal_column,
    select,
    true,
)
from sqlalchemy.sql.base import ReadOnlyColumnCollection

Columns = ReadOnlyColumnCollection[str, Column[Any]]

# A block has 2 ** BITS ids. A literal, because a parameter would not match the index on SQLite.
BITS: ColumnElement[int] = literal_column("13")


def block_index(table: str, time: str) -> Index:
    """The index that `begin` and `end` need. Alembic compares it with the database on PostgreSQL only."""
    return Index(f"ix_{table}_{time}_block", _block(column("id")), column(time))


def begin(columns: Columns, time: str, name: str) -> ColumnElement[bool]:
    """Select the ids from the first block on in which a time is the parameter `name` or later."""
    first = _search(columns, time, name, backward=False)
    return columns["id"] >= cast(first, BigInteger).bitwise_lshift(BITS)


def end(columns: Columns, time: str, name: str) -> ColumnElement[bool]:
    """Select the ids up to the last block in which a time is before the parameter `name`."""
    last = _search(columns, time, name, backward=True)
    return columns["id"] < cast(last + 1, BigInteger).bitwise_lshift(BITS)


def _search(columns: Columns, time: str, name: str, *, backward: bool) -> ScalarSelect[int]:
    """The number of the first block with a time at `name` or later; of the last one with a time before, if `backward`.

    Blocks are looked at one after the other. If none has such a time, it is the number of the one at the end.
    """
    rows = columns[time].table.alias(f"{name}_rows").c
    block, value = _block(rows["id"]), rows[time]
    limit: BindParameter[Any] = bindparam(name)
    nearest, furthest = (func.max, func.min) if backward else (func.min, func.max)
    found = select(nearest(block).label("number")).cte(f"{name}_block", recursive=True)
    number = found.c.number
    # Not `block = number` and sorted by the time alone: PostgreSQL might look for the block in an index of the time.
    times = select(value).where(block >= number, block <= number, value.is_not(None))
    if backward:
        earliest = times.order_by(block, value).limit(1).scalar_subquery()
        goes_on, is_further = earliest >= limit, block < number
    else:
        latest = times.order_by(block.desc(), value.desc()).limit(1).scalar_subquery()
        goes_on, is_further = latest < limit, block > number
    following = select(nearest(block)).where(is_further).scalar_subquery()
    found = found.union_all(select(following).where(number.is_not(None), func.coalesce(goes_on, true())))
    return select(furthest(found.c.number)).scalar_subquery()


def _block(id: ColumnElement[int]) -> ColumnElement[int]:
    return id.bitwise_rshift(BITS)
