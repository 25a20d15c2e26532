"""Feedstocks and bakeries: where recipes are, and where they run."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pangeo_forge_client.loading import load
from pangeo_forge_client.pages import Records
from pangeo_forge_client.parameters import Filter, query
from pangeo_forge_client.records import Bakery, Build, Feedstock, Run, WebhookSecret
from pangeo_forge_client.resources.base import Named
from pangeo_forge_client.transport import object_of, objects_of

YAML = {"Content-Type": "application/yaml"}


class Feedstocks(Named[Feedstock]):
    path, kind, name_field = "/feedstocks/", Feedstock, "spec"

    def create(self, spec: str, *, idempotency_key: str | None = None, **optional: Any) -> Feedstock:
        """Add the repository `owner/name`, or its URL. If it exists already, it is returned."""
        return self._create({"spec": spec, **optional}, idempotency_key)

    def runs(self, id: int, *, limit: int | None = None, **filters: Filter) -> Records[Run]:
        """The runs of its recipes."""
        return Records(self._transport, f"{self.path}{id}/recipe_runs", Run, filters, limit)

    def builds(self, id: int, **filters: Filter) -> Sequence[Build]:
        """The builds of its datasets: successful runs with a public url."""
        answer = self._transport.get(f"{self.path}{id}/datasets", params=query(filters))
        return [load(Build, values, self._transport) for values in objects_of(answer)]

    def metadata(self, id: int) -> dict[str, Any]:
        """What its data are about. Raises NotFoundError if it has no metadata."""
        return object_of(self._transport.get(f"{self.path}{id}/metadata"))

    def describe(self, id: int, metadata: dict[str, Any] | str) -> dict[str, Any]:
        """Replace what its data are about: by fields, or by the text of `meta.yaml` and `catalog.yaml`.

        `ignored` in the answer says what the service could not use of YAML, and why.
        """
        path = f"{self.path}{id}/metadata"
        if isinstance(metadata, str):
            return object_of(self._transport.put(path, content=metadata.encode(), headers=YAML))
        return object_of(self._transport.put(path, metadata))

    def delete_metadata(self, id: int) -> None:
        """Delete what its data are about. The feedstock stays."""
        self._transport.delete(f"{self.path}{id}/metadata")


class Bakeries(Named[Bakery]):
    path, kind, name_field = "/bakeries/", Bakery, "name"

    def create(
        self, name: str, *, region: str, description: str = "", idempotency_key: str | None = None, **optional: Any
    ) -> Bakery:
        """Add a bakery. If one with this name and the same content exists already, it is returned."""
        values = {"region": region, "name": name, "description": description, **optional}
        return self._create(values, idempotency_key)

    def runs(self, id: int, *, limit: int | None = None, **filters: Filter) -> Records[Run]:
        """The runs in the bakery."""
        return Records(self._transport, f"{self.path}{id}/recipe_runs", Run, filters, limit)

    def create_secret(self, id: int, *, overlap_minutes: int = 1440) -> WebhookSecret:
        """Create or rotate the secret with which the bakery signs reports. Store it: it is not shown again.

        The former secret remains valid for `overlap_minutes`.
        """
        answer = self._transport.post(f"{self.path}{id}/webhook-secret", {"overlap_minutes": overlap_minutes})
        return load(WebhookSecret, object_of(answer), self._transport)

    def revoke_secret(self, id: int) -> None:
        """Accept no signature of the bakery any more."""
        self._transport.delete(f"{self.path}{id}/webhook-secret")
