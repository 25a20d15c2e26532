"""Column types and the clock."""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import JSON, BigInteger, Column, DateTime, Integer, String
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.types import TypeDecorator

INTEGER_MAX = 2**31 - 1  # the maximum of an integer column, and so of most ids
BIGINT_MAX = 2**63 - 1
KEY_LENGTH = 255  # characters of a text in an index; PostgreSQL limits an index entry to 2,700 bytes

# For ids of tables that grow with every write. SQLite generates ids only for INTEGER, which has 64 bits there.
BIG_ID = BigInteger().with_variant(Integer(), "sqlite")


def max_value(column: Column[Any]) -> int:
    """The largest integer that the column can store on both databases."""
    return BIGINT_MAX if isinstance(column.type, BigInteger) else INTEGER_MAX


def now() -> datetime:
    """The current time, as an aware datetime in UTC."""
    return datetime.now(UTC)


def wire_time(value: datetime) -> str:
    """`value`, an aware datetime, as ISO 8601 in UTC with a `Z`, without microseconds if they are 0."""
    return value.astimezone(UTC).replace(tzinfo=None).isoformat() + "Z"


class utc_now(FunctionElement[datetime]):  # noqa: N801  # reads as the SQL function it is
    """The database's clock in naive UTC. A server default, because other programs insert rows without times."""

    inherit_cache = True


@compiles(utc_now, "postgresql")
def _utc_now_postgresql(_element: utc_now, _compiler: Any, **_: Any) -> str:
    return "timezone('utc'::text, now())"


@compiles(utc_now, "sqlite")
def _utc_now_sqlite(_element: utc_now, _compiler: Any, **_: Any) -> str:
    # Not CURRENT_TIMESTAMP: SQLite compares times as text, so all times need six digits after the second.
    return "strftime('%Y-%m-%d %H:%M:%f000', 'now')"


class LongText(String):
    """Text that may be too long for an index or a cursor. Lists are sorted by its first KEY_LENGTH characters."""


class JSONList(TypeDecorator[list[Any]]):
    """A list of JSON values. SQLAlchemy's own JSON is for an object, which is what the archive expects of it."""

    impl = JSON
    cache_ok = True

    @property
    def python_type(self) -> type[list[Any]]:
        return list


class Numbers(JSONList):
    """A list of floating-point numbers. PostgreSQL writes a whole number without a point."""

    cache_ok = True

    def process_result_value(self, value: list[Any] | None, dialect: Any) -> list[float] | None:
        return value and [float(number) for number in value]


class json_array(FunctionElement[list[float]]):  # noqa: N801  # reads as the SQL function it is
    """A list in JSON of the values of columns."""

    inherit_cache = True
    type = Numbers()


@compiles(json_array, "postgresql")
def _json_array_postgresql(element: json_array, compiler: Any, **options: Any) -> str:
    return f"json_build_array({compiler.process(element.clauses, **options)})"


@compiles(json_array, "sqlite")
def _json_array_sqlite(element: json_array, compiler: Any, **options: Any) -> str:
    return f"json_array({compiler.process(element.clauses, **options)})"


class UTCDateTime(TypeDecorator[datetime]):
    """Aware datetimes in Python, naive UTC in the database, as in the original's tables."""

    impl = DateTime
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Any) -> datetime | None:
        return value if value is None else value.astimezone(UTC).replace(tzinfo=None)

    def process_result_value(self, value: datetime | None, dialect: Any) -> datetime | None:
        return value if value is None else value.replace(tzinfo=UTC)
