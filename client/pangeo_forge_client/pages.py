"""Lists of records, read page by page."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Generic

from pangeo_forge_client.loading import R, load
from pangeo_forge_client.parameters import Filter, query
from pangeo_forge_client.transport import Transport, objects_of


class Records(Generic[R]):
    """The records of a list, up to `limit` of them. A page is requested when its first record is needed.

    Each loop reads the list again, and `len(records.all())` reads it whole.
    """

    def __init__(
        self,
        transport: Transport,
        path: str,
        kind: type[R],
        filters: Mapping[str, Filter],
        limit: int | None = None,
    ) -> None:
        self._transport, self._path, self._kind = transport, path, kind
        self._parameters, self._limit = query(filters), limit

    def __iter__(self) -> Iterator[R]:
        return islice(self._records(), self._limit)

    def all(self) -> list[R]:
        """All records, in a list."""
        return list(self)

    def first(self) -> R | None:
        """The first record; None if there is none."""
        page = next(self._transport.pages(self._path, self._parameters, 1))
        return next((load(self._kind, values, self._transport) for values in objects_of(page)), None)

    def count(self) -> int:
        """How many records match, without reading them."""
        counting = [*self._parameters, ("limit", "0"), ("count", "true")]
        return int(self._transport.get(self._path, params=counting).headers["X-Total-Count"])

    def _records(self) -> Iterator[R]:
        for page in self._transport.pages(self._path, self._parameters, self._limit):
            for values in objects_of(page):
                yield load(self._kind, values, self._transport)
