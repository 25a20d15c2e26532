"""Column types and the clock."""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import DateTime
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.types import TypeDecorator


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
    return "CURRENT_TIMESTAMP"


class UTCDateTime(TypeDecorator[datetime]):
    """Aware datetimes in Python, naive UTC in the database, as the original stored them."""

    impl = DateTime
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Any) -> datetime | None:
        return value if value is None else value.astimezone(UTC).replace(tzinfo=None)

    def process_result_value(self, value: datetime | None, dialect: Any) -> datetime | None:
        return value if value is None else value.replace(tzinfo=UTC)
