"""The records of the service. `/docs` of a service says what each field means."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field
from typing import Any

from pangeo_forge_client import opening
from pangeo_forge_client.loading import Record


@dataclass(frozen=True, kw_only=True)
class Failure(Record):
    """Why a run failed, as the rules of the service explain it. `who` can take the `next_step`."""

    kind: str = field(metadata={"name": "class"})
    cause: str
    next_step: str
    who: str
    rule: str | None
    evidence: str | None
    line: str | None


@dataclass(frozen=True, kw_only=True)
class Run(Record):
    recipe_id: str
    bakery_id: int
    feedstock_id: int
    head_sha: str
    version: str
    started_at: dt.datetime
    completed_at: dt.datetime | None
    conclusion: str | None
    status: str
    is_test: bool
    dataset_type: str | None
    dataset_public_url: str | None
    message: str | None
    id: int
    created_at: dt.datetime | None = None
    updated_at: dt.datetime | None = None
    rerun_of: int | None = None
    snapshot_id: str | None = None
    external_id: str | None = None
    external_url: str | None = None
    failure: Failure | None = None
    time_problem: str | None = None

    @property
    def is_completed(self) -> bool:
        return self.status == "completed"

    @property
    def has_failed(self) -> bool:
        """Whether the run is completed, and neither successful nor skipped."""
        return self.is_completed and self.conclusion not in ("success", "neutral", "skipped")


@dataclass(frozen=True, kw_only=True)
class Bakery(Record):
    region: str
    name: str
    description: str
    id: int
    retired_at: dt.datetime | None = None
    log_url: str | None = None


@dataclass(frozen=True, kw_only=True)
class WebhookSecret(Record):
    """A new secret of a bakery, with which it signs reports. Only this answer contains it."""

    id: int
    bakery_id: int
    secret: str = field(repr=False)
    created_at: dt.datetime
    created_by: str


@dataclass(frozen=True, kw_only=True)
class Feedstock(Record):
    spec: str
    provider: str
    id: int
    retired_at: dt.datetime | None = None


@dataclass(frozen=True, kw_only=True)
class Build(Record):
    """A build of a dataset, which the original calls a dataset. `id` is that of the run."""

    id: int
    recipe_id: str
    feedstock_id: int
    dataset_type: str | None
    dataset_public_url: str
    is_test: bool


@dataclass(frozen=True, kw_only=True)
class Dataset(Record):
    url: str
    feedstock: str
    feedstock_id: int
    recipe_id: str
    dataset_type: str | None
    is_test: bool
    bakery: str | None
    bakery_id: int | None
    region: str | None
    first_build: dt.datetime
    last_build: dt.datetime
    build_count: int
    run_id: int | None
    id: int
    title: str | None
    description: str | None
    snapshot_id: str | None
    withdrawn_at: dt.datetime | None
    license: str | None
    keywords: list[str]
    variables: list[str]
    bbox: list[float] | None
    time_start: dt.datetime | None
    time_end: dt.datetime | None
    healthy: bool | None
    snippet: str | None
    format: str | None = None

    def open(self, **options: Any) -> Any:
        """Open the data: an `xarray.Dataset`, or a `pandas.DataFrame` of a table. Requires the extra `xarray`.

        `options` are more arguments for the function that opens it, such as `chunks`. It is opened as the service
        says: with the format and the options that its last inspection has found.
        """
        return opening.open_dataset(self.transport, self.id, self.snapshot_id, options)


@dataclass(frozen=True, kw_only=True)
class RunEvent(Record):
    """A change of a run: the fields that changed, `before` (None for its creation) and `after`."""

    id: int
    recipe_run_id: int
    at: dt.datetime
    actor: str
    before: dict[str, Any] | None = field(metadata={"name": "from"})
    after: dict[str, Any] = field(metadata={"name": "to"})
    reason: str | None


@dataclass(frozen=True, kw_only=True)
class LogLine(Record):
    timestamp: dt.datetime
    level: str
    message: str


@dataclass(frozen=True, kw_only=True)
class Log(Record):
    """Lines of the log of a run, which has sent `total` lines. The first of these has the number `first`.

    `next` is the `offset` of the lines that follow, also of those that do not exist yet. The service no longer has the
    first `cut_lines` lines. `log_url` is where the bakery keeps the log.
    """

    lines: list[LogLine] = field(metadata={"name": "logs"})
    first: int
    next: int
    total: int
    cut_lines: int
    log_url: str | None


@dataclass(frozen=True, kw_only=True)
class DatasetEvent(Record):
    id: int
    dataset_id: int
    at: dt.datetime
    run_id: int | None
    url: str | None
    replaced_run_id: int | None
    replaced_url: str | None


@dataclass(frozen=True, kw_only=True)
class Check(Record):
    """An inspection of a dataset by the service, and what it found."""

    id: int
    dataset_id: int
    at: dt.datetime
    healthy: bool | None
    seconds: float
    time_end: dt.datetime | None
    results: dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Key(Record):
    """An API key without the key itself."""

    is_active: bool | None
    is_admin: bool | None
    created_at: dt.datetime | None
    id: int
    label: str | None
    scopes: list[str]
    created_by: str | None
    expires_at: dt.datetime | None
    last_used_at: dt.datetime | None
    replaced_by: int | None


@dataclass(frozen=True, kw_only=True)
class NewKey(Key):
    """A new API key. Only this answer contains the `key` itself."""

    key: str = field(repr=False)


@dataclass(frozen=True, kw_only=True)
class OwnKey(Record):
    """The key in use. The administrator's key of the configuration has no id."""

    id: int | None
    label: str | None
    scopes: list[str]
    expires_at: dt.datetime | None


@dataclass(frozen=True, kw_only=True)
class AuditEntry(Record):
    id: int
    at: dt.datetime
    actor: str
    key_id: int | None
    action: str
    resource: str
    resource_id: int | None
    request_id: str | None
    details: dict[str, Any] | None
