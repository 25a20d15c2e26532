"""What the resources share."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Generic

from pangeo_forge_client.errors import UnknownNameError
from pangeo_forge_client.loading import R, load
from pangeo_forge_client.pages import Records
from pangeo_forge_client.parameters import Filter, body
from pangeo_forge_client.transport import Transport, object_of


class Resource(Generic[R]):
    """A list of records of one kind at `path`.

    Filters are the parameters that docs/using/parameters.md lists: `status="queued"`, or
    `status=["queued", "in_progress"]` for any of these values. `since` and `until` may be times of Python.
    """

    path: str
    kind: type[R]

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def list(self, *, limit: int | None = None, **filters: Filter) -> Records[R]:
        """The records that match all `filters`, page by page. `limit` is the number of records, not of a page."""
        return Records(self._transport, self.path, self.kind, filters, limit)

    def _load(self, values: Mapping[str, Any]) -> R:
        return load(self.kind, values, self._transport)

    def _create(self, values: Mapping[str, Any], idempotency_key: str | None) -> R:
        answer = self._transport.post(self.path, body(values), headers=idempotency(idempotency_key))
        return self._load(object_of(answer))


class Editable(Resource[R]):
    """A resource whose records have addresses, and can be changed and deleted."""

    def get(self, id: int) -> R:
        """The record with that id. Raises NotFoundError if there is none."""
        return self._load(object_of(self._transport.get(f"{self.path}{id}")))

    def update(self, id: int, **changes: Any) -> R:
        """Set the fields in `changes`. None clears a field that may be null."""
        return self._load(object_of(self._transport.patch(f"{self.path}{id}", body(changes))))

    def delete(self, id: int) -> None:
        """Delete the record. Raises ConflictError if others need it."""
        self._transport.delete(f"{self.path}{id}")


class Named(Editable[R]):
    """A resource whose records are also found by a unique name, which is the field `name_field`."""

    name_field: str

    def get(self, id: int | str) -> R:
        """The record with that id or that name. Raises NotFoundError or UnknownNameError if there is none.

        It is read from the list, because the record alone comes with all of its runs.
        """
        is_name = isinstance(id, str) and not id.isdecimal()
        filters: dict[str, Filter] = {self.name_field if is_name else "id": id, "include_retired": True}
        found = Records(self._transport, self.path, self.kind, filters).first()
        if not found and is_name:
            raise UnknownNameError(f"{self.path.strip('/')}: none has the {self.name_field} {id}.")
        return found or self._load(object_of(self._transport.get(f"{self.path}{id}")))


def idempotency(key: str | None) -> dict[str, str]:
    """The header with which a POST is done once, also if the program is started again. None means a random key."""
    return {"Idempotency-Key": key} if key else {}
