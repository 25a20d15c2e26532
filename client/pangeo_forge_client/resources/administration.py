"""API keys, the audit log and statistics."""

from __future__ import annotations

from typing import Any

from pangeo_forge_client.loading import load
from pangeo_forge_client.parameters import Filter, body, query
from pangeo_forge_client.records import AuditEntry, Key, NewKey, OwnKey
from pangeo_forge_client.resources.base import Editable, Resource, idempotency
from pangeo_forge_client.transport import Transport, object_of


class Keys(Editable[Key]):
    """API keys. All but `me` require an administrator's key."""

    path, kind = "/api-keys/", Key

    def create(self, *, idempotency_key: str | None = None, **fields: Any) -> NewKey:
        """Create a key: `label`, `scopes`, `expires_at`. Store its `key`: the service cannot show it again."""
        answer = self._transport.post(self.path, body(fields), headers=idempotency(idempotency_key))
        return load(NewKey, object_of(answer), self._transport)

    def rotate(self, id: int, *, grace_hours: int = 24, idempotency_key: str | None = None) -> NewKey:
        """Replace a key by a new one. The old one expires after `grace_hours`."""
        headers = idempotency(idempotency_key)
        answer = self._transport.post(f"{self.path}{id}/rotate", {"grace_hours": grace_hours}, headers=headers)
        return load(NewKey, object_of(answer), self._transport)

    def revoke(self, id: int) -> Key:
        """Make a key invalid at once. Its record stays."""
        return self.update(id, is_active=False)

    def me(self) -> OwnKey:
        """The key of this client."""
        return load(OwnKey, object_of(self._transport.get(f"{self.path}me")), self._transport)


class Audit(Resource[AuditEntry]):
    """Who wrote what, and when. Requires an administrator's key."""

    path, kind = "/audit", AuditEntry


class Stats:
    """Counts and statistics."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def recipe_runs(self) -> int:
        return self._count("recipe_runs")

    def bakeries(self) -> int:
        return self._count("bakeries")

    def feedstocks(self) -> int:
        return self._count("feedstocks")

    def datasets(self, *, exclude_test_runs: bool = False) -> int:
        """The number of runs with a dataset, as the original counts them."""
        return self._count("datasets", exclude_test_runs=exclude_test_runs)

    def overview(self, **filters: Filter) -> dict[str, Any]:
        """Runs by status, conclusion and week, their success rate and their durations."""
        return self._read("overview", **filters)

    def failures(self, **filters: Filter) -> dict[str, Any]:
        """Failed runs by class, feedstock and bakery."""
        return self._read("failures", **filters)

    def _count(self, noun: str, **filters: Filter) -> int:
        return int(self._read(noun, **filters)["count"])

    def _read(self, noun: str, **filters: Filter) -> dict[str, Any]:
        return object_of(self._transport.get(f"/stats/{noun}", params=query(filters)))
