"""Datasets: what runs have published, and links to other datasets."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

from pangeo_forge_client.pages import Records
from pangeo_forge_client.parameters import Filter, body, bounding_box, interval, query
from pangeo_forge_client.records import Check, Dataset, DatasetEvent
from pangeo_forge_client.resources.base import Editable
from pangeo_forge_client.transport import object_of

Time = str | dt.date


class Datasets(Editable[Dataset]):
    """The datasets. `delete` withdraws a link; a dataset that runs have built stays."""

    path, kind = "/datasets/", Dataset

    def search(
        self,
        text: str | None = None,
        *,
        bbox: tuple[float, float, float, float] | None = None,
        datetime: Time | tuple[Time | None, Time | None] | None = None,
        variable: str | None = None,
        keyword: str | None = None,
        limit: int | None = None,
        **filters: Filter,
    ) -> Records[Dataset]:
        """The datasets that have all words of `text`, the best first, or the newest first without a text.

        `bbox` is west, south, east, north in degrees. `datetime` is a time of the data, or a pair of which one may be
        None. `variable` is its name, or its standard name of the CF conventions. `keyword` is one of the feedstock.
        Without `type="test"` or `type="all"`, only datasets of production runs are found.
        """
        places = {"bbox": bounding_box(bbox), "datetime": interval(datetime)}
        return self.list(limit=limit, **{"q": text, "variable": variable, "keyword": keyword}, **places, **filters)

    def create(
        self, *, feedstock_id: int, recipe_id: str, url: str, idempotency_key: str | None = None, **optional: Any
    ) -> Dataset:
        """Add a link to a dataset that no run of the service has built."""
        values = {"feedstock_id": feedstock_id, "recipe_id": recipe_id, "url": url, **optional}
        return self._create(values, idempotency_key)

    def facets(self, **filters: Filter) -> dict[str, Any]:
        """How many of the datasets that match have which type, keyword, variable, licence, health and owner."""
        return object_of(self._transport.get(f"{self.path}facets", params=query(filters)))

    def description(self, id: int) -> dict[str, Any]:
        """The variables, the extent and the sizes of the data. Raises NotFoundError if it was not described yet."""
        return object_of(self._transport.get(f"{self.path}{id}/description"))

    def describe(self, id: int, description: Mapping[str, Any]) -> dict[str, Any]:
        """Replace the description of the data. Fields that are missing become null."""
        return object_of(self._transport.put(f"{self.path}{id}/description", body(description)))

    def events(self, id: int, *, limit: int | None = None, **filters: Filter) -> Records[DatasetEvent]:
        """Which build replaced which, and when the dataset was withdrawn."""
        return Records(self._transport, f"{self.path}{id}/events", DatasetEvent, filters, limit)

    def checks(self, id: int, *, limit: int | None = None, **filters: Filter) -> Records[Check]:
        """The inspections of the dataset by the service, the newest first."""
        return Records(self._transport, f"{self.path}{id}/checks", Check, filters, limit)

    def thumbnail(self, id: int) -> bytes:
        """A small picture of the dataset, as PNG. Raises NotFoundError if it has none."""
        return self._transport.get(f"{self.path}{id}/thumbnail.png").content
