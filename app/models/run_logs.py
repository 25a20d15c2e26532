"""Logs of recipe runs: the newest lines that the runner has sent."""

from datetime import datetime
from typing import NamedTuple

from sqlalchemy import BigInteger, ForeignKey, bindparam, select
from sqlalchemy.orm import Mapped, mapped_column

from app.database.columns import UTCDateTime
from app.database.statements import fetch
from app.extensions import db

SIZE_MAX = 1024 * 1024  # bytes of the log of a run
# Lines are cut when a log has this many bytes more, and not at each request, because a cut reads the whole log.
SLACK = 64 * 1024
LINE_SIZE = 32  # bytes that a line counts besides its message, for its time and its level
MESSAGE_MAX = 100_000  # characters; the rest of a longer line is cut
NEWEST = 2000  # lines in which the reason of a failure is searched
LEVEL = "info"  # of a line that has none
LEVEL_MAX = 20  # characters
# What the template of a bakery's `log_url` may contain in braces.
PLACEHOLDERS = ("run_id", "external_id", "head_sha", "recipe_id")


class Entry(NamedTuple):
    """A line of a log as a runner sends it. Without `at`, the time is that of its arrival."""

    message: str
    level: str = LEVEL
    at: datetime | None = None


class RunLog(db.Model):
    """The number of lines that a run has sent, how many of them were cut, and the size of the others in bytes."""

    __tablename__ = "reciperun_log"

    recipe_run_id: Mapped[int] = mapped_column(ForeignKey("reciperun.id", ondelete="CASCADE"), primary_key=True)
    lines: Mapped[int] = mapped_column(BigInteger)
    cut_lines: Mapped[int] = mapped_column(BigInteger)
    size: Mapped[int] = mapped_column(BigInteger)


class RunLogLine(db.Model):
    """A line of the log of a run. The first line that the run has sent has the number 0.

    `size` is in bytes: its message in UTF-8, and LINE_SIZE.
    """

    __tablename__ = "reciperun_log_line"

    recipe_run_id: Mapped[int] = mapped_column(ForeignKey("reciperun.id", ondelete="CASCADE"), primary_key=True)
    number: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    at: Mapped[datetime] = mapped_column(UTCDateTime)
    level: Mapped[str]
    message: Mapped[str]
    size: Mapped[int]


_NEWEST = (
    select(RunLogLine.message)
    .where(RunLogLine.recipe_run_id == bindparam("run"))
    .order_by(RunLogLine.number.desc())
    .limit(NEWEST)
)


def newest_text(run_id: int) -> str:
    """Return the newest lines of the log of a run as a text."""
    return "\n".join(message for (message,) in reversed(fetch(_NEWEST, {"run": run_id})))
