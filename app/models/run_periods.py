"""Periods of days for which sums are kept, and which of them cover a time.

A period is a day, a week, 16 weeks or 256 weeks. Its number is how many of the same length are between MONDAY and its
start.
"""

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta

MONDAY = date(1, 1, 1)  # the first day that a time can have
# Lengths of periods in days. Each is a multiple of the one before.
DAY, WEEK, LONG, LONGEST = 1, 7, 112, 1792

ONE_DAY = timedelta(days=1)
START = datetime.combine(MONDAY, time(), UTC)
DAYS = date.max.toordinal()  # of all times


class Periods:
    """The whole days or weeks, of `unit` days each, from `since` to before `until`. None is the first or last time.

    `first` and `end` are the range of their days, counted from MONDAY. Without a whole one, `end` is not after `first`.
    """

    def __init__(self, since: datetime | None, until: datetime | None, unit: int) -> None:
        self.since, self.until = since, until
        width = unit * ONE_DAY
        self.first = -((START - since) // width) * unit if since else 0
        self.end = (until - START) // width * unit if until else (DAYS // LONGEST + 1) * LONGEST

    def whole(self) -> tuple[datetime | None, datetime | None]:
        """The time of the whole ones, as `since` and `until`."""
        return _time(self.first) if self.since else None, _time(self.end) if self.until else None

    def divided(self) -> Iterator[tuple[int, datetime | None, datetime | None]]:
        """The parts at each end of the time that are less than a whole one: the week, `since` and `until` of each."""
        if self.first > self.end:  # both times are in one day, or week
            yield self.end // WEEK, self.since, self.until
            return
        first, end = self.whole()
        if self.since != first:
            yield (self.first - 1) // WEEK, self.since, first
        if self.until != end:
            yield self.end // WEEK, end, self.until

    def cover(self, lengths: tuple[int, ...]) -> Iterator[tuple[int, int, int]]:
        """The fewest periods of `lengths` that cover the whole ones. The shortest length is the unit.

        Yields ranges of periods of the same length: the length, the first period and the one after the last.
        """
        return _cover(self.first, self.end, lengths)


def _cover(first: int, end: int, lengths: tuple[int, ...]) -> Iterator[tuple[int, int, int]]:
    short, *longer = lengths
    inner_first, inner_end = (-(-first // longer[0]) * longer[0], end // longer[0] * longer[0]) if longer else (0, 0)
    if inner_first >= inner_end:
        yield short, first // short, end // short
        return
    yield from _cover(inner_first, inner_end, tuple(longer))
    for edge_first, edge_end in ((first, inner_first), (inner_end, end)):
        if edge_first < edge_end:
            yield short, edge_first // short, edge_end // short


def _time(days: int) -> datetime | None:
    """The time that many days after MONDAY; None if it is later than any."""
    return START + days * ONE_DAY if days < DAYS else None
