"""How many runs there are, kept by triggers of the database (migration 0013), whoever writes the runs."""

from sqlalchemy import BigInteger, cast, func
from sqlalchemy.orm import Mapped, mapped_column

from app.database.columns import BIG_ID
from app.extensions import db

ALL = "all"


class RunCount(db.Model):
    """By how much the number of runs of one kind has changed in a slice; as a sum over its rows, how many there are.

    The slices: `all`, `feedstock 7`, `bakery 3`.
    """

    __tablename__ = "reciperun_count"

    id: Mapped[int] = mapped_column(BIG_ID, primary_key=True)
    slice: Mapped[str] = mapped_column(index=True)
    status: Mapped[str]
    conclusion: Mapped[str | None]
    is_test: Mapped[bool]
    has_dataset: Mapped[bool]
    runs: Mapped[int] = mapped_column(BigInteger)


TOTAL = cast(func.sum(RunCount.runs), BigInteger)  # of some rows; else PostgreSQL makes a numeric of it
