"""Column types and the clock."""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import BigInteger, Column, DateTime, Integer, String
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.types import TypeDecorator

INTEGER_MAX = 2**31 - 1  # what an integer column holds, and so the highest id
BIGINT_MAX = 2**63 - 1
KEY_LENGTH = 255  # characters of a text that lists go by; an entry of a PostgreSQL index has room for 2,700 bytes

# The ids of what is added to by every write and kept for good. SQLite counts up an INTEGER only, which has 64 bits.
BIG_ID = BigInteger().with_variant(Integer(), "sqlite")


def largest(column: Column[Any]) -> int:
    """The largest whole number that the column holds on both databases."""
    return BIGINT_MAX if isinstance(column.type, BigInteger) else INTEGER_MAX


def now() -> datetime:
    """The time, aware, in UTC."""
    return datetime.now(UTC)


def wire_time(value: datetime) -> str:
    """`value` as JSON has it: UTC with a `Z`, microseconds only if there are any."""
    return value.astimezone(UTC).replace(tzinfo=None).isoformat() + "Z"


class utc_now(FunctionElement[datetime]):  # noqa: N801  # reads as the SQL function it is
    """The database's own clock in naive UTC, for the server defaults of columns that other programs leave out."""

    inherit_cache = True


@compiles(utc_now, "postgresql")
def _utc_now_postgresql(_element: utc_now, _compiler: Any, **_: Any) -> str:
    return "timezone('utc'::text, now())"


@compiles(utc_now, "sqlite")
def _utc_now_sqlite(_element: utc_now, _compiler: Any, **_: Any) -> str:
    # Not CURRENT_TIMESTAMP: SQLite compares times as text, so all of them need six digits after the second.
    return "strftime('%Y-%m-%d %H:%M:%f000', 'now')"


class LongText(String):
    """Text that may be too long for an index and for a cursor; lists go by its first KEY_LENGTH characters."""


class UTCDateTime(TypeDecorator[datetime]):
    """Aware datetimes in Python, naive UTC in the database, as the original stored them."""

    impl = DateTime
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Any) -> datetime | None:
        return value if value is None else value.astimezone(UTC).replace(tzinfo=None)

    def process_result_value(self, value: datetime | None, dialect: Any) -> datetime | None:
        return value if value is None else value.replace(tzinfo=UTC)
